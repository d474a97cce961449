"""`otmv ask`: ask a running server about an image file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer
from rich.console import Console

app = typer.Typer()
_out = Console()
_err = Console(stderr=True)
_TIMEOUT_S = 60.0


@app.command()
def ask(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    question: Annotated[str | None, typer.Argument(help="What to ask about it.")] = None,
    caption: Annotated[bool, typer.Option("--caption", help="Describe the picture.")] = False,
    url: Annotated[
        str, typer.Option(envvar="OTMV_URL", help="The server.")
    ] = "http://127.0.0.1:8000",
    top_k: Annotated[int, typer.Option(help="Answers to show.")] = 3,
    max_latency_ms: Annotated[float | None, typer.Option(help="Latency budget.")] = None,
    max_memory_mb: Annotated[float | None, typer.Option(help="Memory budget.")] = None,
    min_quality: Annotated[float | None, typer.Option(help="Lowest quality, 0 to 1.")] = None,
    variant: Annotated[str | None, typer.Option(help="Exactly this variant.")] = None,
    on_miss: Annotated[str | None, typer.Option(help="degrade or reject.")] = None,
) -> None:
    """Ask one question about a picture, or describe it with --caption."""
    if caption == (question is not None):
        _fail('give a question, or --caption: otmv ask picture.jpg "how many circles?"', 2)
    budget = {
        "max_latency_ms": max_latency_ms,
        "max_memory_mb": max_memory_mb,
        "min_quality": min_quality,
        "variant": variant,
        "on_miss": on_miss,
    }
    form = {name: str(value) for name, value in budget.items() if value is not None}
    if question is not None:
        form |= {"question": question, "top_k": str(top_k)}
    body = _post(url, "/v1/caption" if caption else "/v1/vqa", image, form)
    if caption:
        _out.print(body["caption"], style="bold", markup=False)
        _print_served(body)
    else:
        (answer,) = body["answers"]
        _print_answers(answer)
        _print_served(answer)


def _post(url: str, path: str, image: Path, form: dict[str, str]) -> dict[str, Any]:
    try:
        picture = image.read_bytes()
    except OSError as error:
        _fail(f"cannot read {image}: {error.strerror}")
    try:
        response = httpx.post(
            f"{url.rstrip('/')}{path}",
            files={"image": (image.name, picture)},
            data=form,
            timeout=_TIMEOUT_S,
        )
        body = response.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _fail(f"no answer from {url}: {error} (start a server with: otmv serve, or give --url)")
    except ValueError:
        _fail(f"{url} is no otmv server (give --url)")
    if response.is_error or not isinstance(body, dict):
        _fail(_problem(body, response.status_code))
    return body


def _problem(body: Any, status: int) -> str:
    if not isinstance(body, dict):
        return f"the server answered {status}"
    fields = [f"{item['field']}: {item['problem']}" for item in body.get("errors", [])]
    detail = "; ".join(fields) or body.get("detail", "")
    return f"{body.get('title', 'error')} ({status}): {detail}"


def _print_answers(answer: dict[str, Any]) -> None:
    best, *others = answer["top_k"]
    _out.print(f"{best['answer']}  {best['score']:.3f}", style="bold", markup=False)
    for item in others:
        _out.print(f"{item['answer']}  {item['score']:.3f}", style="dim", markup=False)


def _print_served(body: dict[str, Any]) -> None:
    quality = "not measured" if body["quality"] is None else f"{body['quality']:.3f}"
    deadline = {True: "met", False: "missed", None: "none"}[body["deadline_met"]]
    pattern, blocks = body["skip_pattern"]["bits"], body["executed_blocks"]
    spent = ", ".join(f"{name} {ms:.1f}" for name, ms in body["timings_ms"].items())
    lines = {
        "variant": f"{body['variant']}{' (degraded)' if body['degraded'] else ''}",
        "pattern": f"{pattern} ({blocks} blocks)",
        "quality": quality,
        "deadline": deadline,
        "ms": spent,
    }
    for name, value in lines.items():
        _out.print(f"[dim]{name:10}[/dim]{value}", highlight=False, soft_wrap=True)


def _fail(message: str, code: int = 1) -> NoReturn:
    _err.print(f"otmv ask: {message}", style="red", markup=False, soft_wrap=True)
    raise SystemExit(code)
