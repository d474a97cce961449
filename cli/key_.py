"""`otmv key`: make an API key, shown once, and its entry for the configuration file."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from engine.telemetry import NO_API_KEY
from server.access.keys import fresh_key, sha256_of
from server.configuration.api_key import ApiKey, KeyName
from server.configuration.sources import toml_pair

app = typer.Typer()
_err = Console(stderr=True)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Who uses it; letters, digits, - and _.")],
    rate_per_s: Annotated[float | None, typer.Option(help="Requests per second.")] = None,
    burst: Annotated[
        int | None, typer.Option(help="Requests at once; default: one second's worth.")
    ] = None,
    default_max_latency_ms: Annotated[
        float | None, typer.Option(help="Latency budget of its requests that name none.")
    ] = None,
    default_on_miss: Annotated[
        str | None, typer.Option(help="degrade or reject, for its requests that name none.")
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="It may reload artifacts.")] = False,
) -> None:
    """Make an API key. It is shown once, on standard error; the server keeps only its SHA-256.

    otmv key alice --rate-per-s 10 >> otmv.toml
    """
    made = fresh_key()
    given = {
        "default_max_latency_ms": default_max_latency_ms,
        "default_on_miss": default_on_miss,
        "rate_per_s": rate_per_s,
        "burst": burst,
        "operator": operator or None,
    }
    said = {field: value for field, value in given.items() if value is not None}
    entry = _checked(name, {"sha256": sha256_of(made), **said})
    _err.print(f"the key of {name}, shown only now: {made}", soft_wrap=True, highlight=False)
    print(f"[keys.{name}]")
    for field, value in entry.model_dump(exclude_none=True, exclude_defaults=True).items():
        print(toml_pair(field, value))


def _checked(name: str, values: dict[str, Any]) -> ApiKey:
    try:
        TypeAdapter(KeyName).validate_python(name)
        if name == NO_API_KEY:
            raise typer.BadParameter(f"{NO_API_KEY} is no name for a key")
        return ApiKey.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "name"
        flag = where if where == "name" else f"--{where.replace('_', '-')}"
        raise typer.BadParameter(f"{flag}: {first['msg']}") from error
