"""`otmv serve`: load an artifact and answer requests about pictures."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from artifact.errors import ArtifactError
from artifact.store import open_artifact
from engine.clock import SystemClock
from engine.config import EngineConfig, default_cache_dir
from engine.errors import EngineError
from engine.pool import EnginePool
from engine.telemetry import Telemetry
from engine.types import Offer
from server.app import create_app
from server.configuration.settings import Settings
from server.configuration.sources import (
    Configuration,
    ConfigurationError,
    read_configuration,
    redacted,
)
from server.engine_pool import Pool, Progress
from server.lifecycle.serving import Serving
from server.observing.logs import configure_logging
from server.observing.tracing import TracingUnavailable
from server.run import AddressUnavailable, bind, run

app = typer.Typer()
_console = Console(stderr=True)
_log = logging.getLogger("otmv.server")
_EXPECTED = (
    ArtifactError,
    EngineError,
    AddressUnavailable,
    ConfigurationError,
    TracingUnavailable,
    OSError,
)


@app.command()
def serve(
    artifact: Annotated[
        Path | None, typer.Argument(help="Folder of the artifact; default: OTMV_ARTIFACT.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks one.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")
    ] = None,
    memory_budget: Annotated[
        str | None, typer.Option(help="Bytes the stages may take, for example 512MiB.")
    ] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Where latency profiles are kept.")] = None,
    queue_limit: Annotated[int | None, typer.Option(help="Requests admitted at once.")] = None,
    engine_threads: Annotated[
        int | None, typer.Option(help="Threads of the inference library.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with any setting.")] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show all settings and their origin, and end.")
    ] = False,
) -> None:
    """Serve an artifact over HTTP. Options win over OTMV_* variables, these over --config."""
    given = {
        "artifact": artifact,
        "host": host,
        "port": port,
        "backend": backend,
        "memory_budget": memory_budget,
        "cache_dir": cache_dir,
        "queue_limit": queue_limit,
        "engine_threads": engine_threads,
        "log_level": log_level,
        "config": config,
    }
    try:
        said = {name: value for name, value in given.items() if value is not None}
        configuration = read_configuration(said)
        if print_config:
            print(configuration.as_toml())
        else:
            _serve(configuration)
    except _EXPECTED as error:
        _fail(str(error))


def _serve(configuration: Configuration) -> None:
    """Bind, then load and serve until a signal."""
    settings = configuration.settings
    configure_logging(settings)
    as_json = settings.log_format == "json"
    shown = redacted(settings) if as_json else configuration.chosen()
    _log.info("settings", extra={"settings": shown})
    _console.quiet = as_json  # then standard error has one JSON object per line
    open_artifact(settings.artifact, verify=False)
    sock = bind(settings.host, settings.port)
    address = sock.getsockname()
    url = f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"
    telemetry, clock = Telemetry(), SystemClock()
    with _console.status("loading the artifact") as status:

        def open_pool(progress: Progress) -> Pool:
            artifact = open_artifact(settings.artifact.resolve())  # a link may be moved later
            config = engine_config(settings)
            return EnginePool.open(artifact, config, telemetry, clock, _shown(status, progress))

        def on_ready(serving: Serving) -> None:
            status.stop()
            _announce(serving.pool(), url)
            if as_json:
                _log.info("ready", extra={"url": url})

        version = importlib.metadata.version("otmv-serve")
        run(create_app(settings, open_pool, telemetry, clock, version), sock, on_ready)


def engine_config(settings: Settings) -> EngineConfig:
    """Return the engine's configuration from the server's settings."""
    return EngineConfig(
        backend=settings.backend,
        memory_budget_bytes=settings.memory_budget,
        max_batch=settings.max_batch,
        queue_limit=settings.queue_limit,
        caption_slots=settings.caption_slots,
        threads=settings.engine_threads or 0,
        grace_s=settings.grace_s,
        default_latency_ms=settings.default_max_latency_ms,
        cache_dir=settings.cache_dir or default_cache_dir(),
    )


def _shown(status: Status, progress: Progress) -> Callable[[str, float], None]:
    def both(phase: str, share: float) -> None:
        progress(phase, share)
        status.update(f"{phase} ({share:.0%})")

    return both


def _announce(pool: Pool, url: str) -> None:
    manifest = pool.artifact.manifest
    table = Table(title=f"{manifest.name}: {', '.join(manifest.tasks)}", title_justify="left")
    for heading in ("task", "variant", "blocks", "quality", "idle time", "memory"):
        table.add_column(heading, justify="left" if heading in ("task", "variant") else "right")
    for offer in pool.offers():
        table.add_row(*_cells(offer), style=None if offer.resident else "dim")
    _console.print(table)
    _console.print(f"ready: {url}  (docs: {url}/docs, metrics: {url}/metrics)", soft_wrap=True)


def _cells(offer: Offer) -> tuple[str, ...]:
    return (
        offer.task,
        offer.variant,
        str(len(offer.executed)),
        _quality(offer),
        f"{offer.predicted_s * 1e3:.1f} ms",
        f"{offer.memory_bytes / 1e6:.1f} MB" if offer.resident else "not resident",
    )


def _quality(offer: Offer) -> str:
    if offer.quality is None:
        return "not measured"
    return f"{offer.quality:.3f} {offer.quality_precision or ''}".rstrip()


def _fail(message: str) -> NoReturn:
    if _console.quiet:
        _log.critical("stopped", extra={"reason": message})
        raise SystemExit(1)
    _console.print(f"otmv serve: {message}", style="red", markup=False, soft_wrap=True)
    raise SystemExit(1)
