"""`otmv ask`: ask a running server about a picture, or about two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    image: Annotated[Path, typer.Argument(help="The picture; with --right, the left one.")],
    text: Annotated[
        str | None,
        typer.Argument(help="A question about it; with --right, a statement about both."),
    ] = None,
    right: Annotated[Path | None, typer.Option(help="A second picture, for a statement.")] = None,
    caption: Annotated[bool, typer.Option("--caption", help="Describe the picture.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Show the caption while it is written.")
    ] = False,
    num_beams: Annotated[
        int | None, typer.Option(help="Captions searched side by side, 1 to 8; the best is shown.")
    ] = None,
    url: Annotated[
        str, typer.Option(envvar="OTMV_URL", help="The server.")
    ] = "http://127.0.0.1:8000",
    key: Annotated[str | None, typer.Option(envvar="OTMV_KEY", help="An API key of it.")] = None,
    top_k: Annotated[int, typer.Option(help="Answers to show.")] = 3,
    max_latency_ms: Annotated[float | None, typer.Option(help="Latency budget.")] = None,
    max_memory_mb: Annotated[float | None, typer.Option(help="Memory budget.")] = None,
    min_quality: Annotated[float | None, typer.Option(help="Lowest quality, 0 to 1.")] = None,
    variant: Annotated[str | None, typer.Option(help="Exactly this variant.")] = None,
    on_miss: Annotated[str | None, typer.Option(help="degrade or reject.")] = None,
) -> None:
    """Ask about a picture, describe it, or ask whether a statement about two pictures is true.

    otmv ask picture.jpg "how many circles are there?" --max-latency-ms 50

    otmv ask picture.jpg --caption --stream

    otmv ask left.jpg "there is a circle in both pictures" --right right.jpg
    """
    _check(text, right, caption, stream or num_beams is not None)
    fields = {
        "max_latency_ms": max_latency_ms,
        "max_memory_mb": max_memory_mb,
        "min_quality": min_quality,
        "variant": variant,
        "on_miss": on_miss,
        "num_beams": num_beams,
    }
    form = {name: str(value) for name, value in fields.items() if value is not None}
    server = _Server(url.rstrip("/"), {"Authorization": f"Bearer {key}"} if key else {})
    if caption and stream:
        served = _print_stream(server, image, form | {"stream": "true"})
    elif caption:
        served = _post(server, "/v1/caption", [image], form)
        _out.print(served["caption"], style="bold", markup=False)
    elif right is not None:
        served = _post(server, "/v1/reason", [image, right], form | {"statement": str(text)})
        _out.print(f"{str(served['answer']).lower()}  {served['score']:.3f}", style="bold")
    else:
        form |= {"question": str(text), "top_k": str(top_k)}
        (served,) = _post(server, "/v1/vqa", [image], form)["answers"]
        _print_answers(served)
    _print_served(served)


def _check(text: str | None, right: Path | None, caption: bool, for_captions: bool) -> None:
    if right is not None and text is None:
        _fail('give a statement: otmv ask left.jpg "both are red" --right right.jpg', 2)
    if caption == (text is not None):
        _fail('give a question, or --caption: otmv ask picture.jpg "how many circles?"', 2)
    if for_captions and not caption:
        _fail("--stream and --num-beams need --caption", 2)


@dataclass(frozen=True)
class _Server:
    url: str
    headers: dict[str, str]


@contextmanager
def _request(
    server: _Server, path: str, images: list[Path], form: dict[str, str]
) -> Iterator[httpx.Response]:
    """Send pictures and form; whatever goes wrong until the answer is read is one line."""
    files = [("image", (image.name, _read(image))) for image in images]
    said: dict[str, Any] = {"files": files, "data": form, "headers": server.headers}
    try:
        with httpx.stream("POST", server.url + path, timeout=_TIMEOUT_S, **said) as response:
            if response.is_error:
                response.read()
                _fail(_problem(response.json(), response.status_code))
            yield response
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _fail(
            f"no answer from {server.url}: {error} (start a server with: otmv serve, or give --url)"
        )
    except ValueError:
        _fail(f"{server.url} is no otmv server (give --url)")


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        _fail(f"cannot read {image}: {error.strerror}")


def _post(server: _Server, path: str, images: list[Path], form: dict[str, str]) -> dict[str, Any]:
    with _request(server, path, images, form) as response:
        response.read()
        body = response.json()
        if not isinstance(body, dict):
            raise ValueError
        return body


def _print_stream(server: _Server, image: Path, form: dict[str, str]) -> dict[str, Any]:
    """Print a caption's text as it comes; return what the server says at its end."""
    event, data = "", {}
    with _request(server, "/v1/caption", [image], form) as response:
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = json.loads(value)
                if event == "token":
                    _out.print(data["text"], end="", style="bold", markup=False, soft_wrap=True)
    _out.print()
    if event != "done":
        _fail(_problem(data, data.get("status", 500)))
    return data


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
