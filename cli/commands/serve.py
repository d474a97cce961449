"""`otmv serve`: load an artifact and answer requests about pictures."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.errors import ArtifactError
from artifact.store import open_artifact
from cli.console import errors, fail, literal, note, show, spinner, table
from cli.streams import encodable, outlive_readers
from engine.clock import SystemClock
from engine.config import EngineConfig, default_cache_dir
from engine.errors import EngineError
from engine.opening.threads import with_threads
from engine.pool import EnginePool
from engine.telemetry import Telemetry
from engine.types import Offer
from server.apis.open_inference.optional_grpc import GrpcUnavailable
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

if TYPE_CHECKING:
    from rich.status import Status

app = typer.Typer()
_log = logging.getLogger("otmv.server")
_EXPECTED = (
    ArtifactError,
    EngineError,
    AddressUnavailable,
    ConfigurationError,
    TracingUnavailable,
    GrpcUnavailable,
    OSError,
)

_Folder = Annotated[
    Path | None, typer.Argument(help="Folder of the artifact; default: OTMV_ARTIFACT.")
]
_Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
_Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 picks one.")]
_GrpcPort = Annotated[
    int | None, typer.Option(help="Port for gRPC, beside the other; 0 picks one. Needs .[grpc].")
]
_Backend = Annotated[
    str | None, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")
]
_MemoryBudget = Annotated[
    str | None, typer.Option(help="Bytes the stages may take, for example 512MiB.")
]
_AdaptersFolder = Annotated[
    Path | None, typer.Option(help="Folder of adapters; all of them are loaded at start.")
]
_CacheDir = Annotated[Path | None, typer.Option(help="Where latency profiles are kept.")]
_QueueLimit = Annotated[int | None, typer.Option(help="Requests admitted at once.")]
_EngineThreads = Annotated[int | None, typer.Option(help="Threads of the inference library.")]
_LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
_ConfigFile = Annotated[Path | None, typer.Option(help="A TOML file with any setting.")]
_PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Show all settings and their origin, and end.")
]


@app.command()
def serve(
    artifact: _Folder = None,
    host: _Host = None,
    port: _Port = None,
    grpc_port: _GrpcPort = None,
    backend: _Backend = None,
    memory_budget: _MemoryBudget = None,
    adapters: _AdaptersFolder = None,
    cache_dir: _CacheDir = None,
    queue_limit: _QueueLimit = None,
    engine_threads: _EngineThreads = None,
    log_level: _LogLevel = None,
    config: _ConfigFile = None,
    print_config: _PrintConfig = False,
) -> None:
    """Serve an artifact over HTTP. Options win over OTMV_* variables, these over --config."""
    given = {
        "artifact": artifact,
        "host": host,
        "port": port,
        "grpc_port": grpc_port,
        "backend": backend,
        "memory_budget": memory_budget,
        "adapters": adapters,
        "cache_dir": cache_dir,
        "queue_limit": queue_limit,
        "engine_threads": engine_threads,
        "log_level": log_level,
        "config": config,
    }
    said = {name: value for name, value in given.items() if value is not None}
    try:
        configuration = read_configuration(said)
    except _EXPECTED as error:
        fail(str(error))
    outlive_readers()
    if print_config:
        print(encodable(configuration.as_toml(), sys.stdout.encoding))
    else:
        _serve(configuration)


def _serve(configuration: Configuration) -> None:
    """Serve until a signal; an error that is expected becomes the last line."""
    as_json = configuration.settings.log_format == "json"
    try:
        configure_logging(configuration.settings)
        shown = redacted(configuration.settings) if as_json else configuration.chosen()
        _log.info("settings", extra={"settings": shown})
        _load_and_run(configuration.settings, as_json=as_json)
    except _EXPECTED as error:
        if not as_json:
            fail(str(error))
        _log.critical("stopped", extra={"reason": str(error)})
        raise SystemExit(1) from error


def _load_and_run(settings: Settings, *, as_json: bool) -> None:
    """Bind, then load and serve. As JSON, standard error gets one object per line, nothing else."""
    open_artifact(settings.artifact, verify=False)
    sock = bind(settings.host, settings.port)
    address = sock.getsockname()
    url = f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"
    telemetry, clock = Telemetry(), SystemClock()
    with spinner("loading the artifact", hidden=as_json) as status:

        def open_pool(progress: Progress) -> Pool:
            artifact = open_artifact(settings.artifact.resolve())  # a link may be moved later
            config = with_threads(artifact, engine_config(settings))
            return EnginePool.open(artifact, config, telemetry, clock, _shown(status, progress))

        def on_ready(serving: Serving) -> None:
            status.stop()
            addresses = {"url": url}
            if served.state.grpc is not None:
                host = url.removeprefix("http://").rpartition(":")[0]
                addresses["grpc"] = f"{host}:{served.state.grpc.port}"
            if as_json:
                _log.info("ready", extra=addresses)
            else:
                _announce(serving.pool(), addresses)

        version = importlib.metadata.version("otmv-serve")
        served = create_app(settings, open_pool, telemetry, clock, version)
        run(served, sock, on_ready)


def engine_config(settings: Settings) -> EngineConfig:
    """Return the engine's configuration from the server's settings."""
    return EngineConfig(
        backend=settings.backend,
        memory_budget_bytes=settings.memory_budget,
        max_batch=settings.max_batch,
        queue_limit=settings.queue_limit,
        caption_slots=settings.caption_slots,
        adapter_places=settings.adapter_places,
        threads=settings.engine_threads or 0,
        grace_s=settings.grace_s,
        late_answer_worth=settings.late_answer_worth,
        audit_share=settings.audit_share,
        default_latency_ms=settings.default_max_latency_ms,
        cache_dir=settings.cache_dir or default_cache_dir(),
    )


def _shown(status: Status, progress: Progress) -> Callable[[str, float], None]:
    def both(phase: str, share: float) -> None:
        progress(phase, share)
        status.update(literal(f"{phase} ({share:.0%})"))

    return both


def _announce(pool: Pool, addresses: Mapping[str, str]) -> None:
    """Show what is offered, and where."""
    manifest, offers = pool.artifact.manifest, pool.offers()
    title = f"{manifest.name}: {', '.join(manifest.tasks)}"
    costs = ("blocks", "quality", "idle time", "memory")
    shown = table(title, ("task", "variant"), costs, map(_cells, offers))
    shown.title_justify = "left"
    for row, offer in zip(shown.rows, offers, strict=True):
        row.style = None if offer.resident else "dim"
    show(shown, errors())
    if manifest.domain is not None:
        note(f"domain: {manifest.domain.line}")
    url = addresses["url"]
    if "grpc" in addresses:
        note(f"gRPC: {addresses['grpc']}")
    note(f"ready: {url}  (docs: {url}/docs, metrics: {url}/metrics)")


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
