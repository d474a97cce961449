"""`otmv key`: make an API key, shown once, and its entry for the configuration file."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from cli.console import first_problem, note
from engine.telemetry import NO_API_KEY
from server.access.keys import fresh_key, sha256_of
from server.configuration.api_key import ApiKey, KeyName
from server.configuration.sources import toml_pair

app = typer.Typer()

_Name = Annotated[str, typer.Argument(help="Who uses it; letters, digits, - and _.")]
_Rate = Annotated[float | None, typer.Option(help="Requests per second.")]
_Burst = Annotated[int | None, typer.Option(help="Requests at once; default: one second's worth.")]
_LatencyMs = Annotated[
    float | None, typer.Option(help="Latency budget of its requests that name none.")
]
_OnMiss = Annotated[
    str | None, typer.Option(help="degrade or reject, for its requests that name none.")
]
_Operator = Annotated[bool, typer.Option("--operator", help="It may reload artifacts.")]


@app.command()
def key(
    name: _Name,
    rate_per_s: _Rate = None,
    burst: _Burst = None,
    default_max_latency_ms: _LatencyMs = None,
    default_on_miss: _OnMiss = None,
    operator: _Operator = False,
) -> None:
    """Make an API key. It is shown once, on standard error; the server keeps only its SHA-256.

    [bold]otmv key alice --rate-per-s 10 >> otmv.toml[/bold]
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
    note(f"the key of {name}, shown only now: {made}")
    print(f"[keys.{name}]")
    for field, value in entry.model_dump(exclude_none=True, exclude_defaults=True).items():
        print(toml_pair(field, value))


def _checked(name: str, values: dict[str, Any]) -> ApiKey:
    """Return the entry if a server would take it under that name."""
    try:
        TypeAdapter(KeyName).validate_python(name)
        if name == NO_API_KEY:
            raise typer.BadParameter(f"{NO_API_KEY} is no name for a key")
    except ValidationError as error:
        raise typer.BadParameter(f"name: {first_problem(error)[1]}") from error
    try:
        return ApiKey.model_validate(values)
    except ValidationError as error:
        where, problem = first_problem(error)
        flag = f"--{where.replace('_', '-')}: " if where else ""
        raise typer.BadParameter(f"{flag}{problem}") from error
