"""`otmv ask`: ask a running server about a picture, or about two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.ask.domain import domain_of, warn_of_unknown_words
from cli.commands.ask.facts import print_facts
from cli.commands.ask.sending import AskedServer, fail, said_at
from cli.commands.ask.tasks import caption as captions
from cli.commands.ask.tasks import reason, vqa

app = typer.Typer()

_Image = Annotated[Path, typer.Argument(help="The picture; with --right, the left one.")]
_Text = Annotated[
    str | None,
    typer.Argument(help="A question about it; with --right, a statement about both."),
]
_Right = Annotated[Path | None, typer.Option(help="A second picture, for a statement.")]
_Caption = Annotated[bool, typer.Option("--caption", help="Describe the picture.")]
_Stream = Annotated[bool, typer.Option("--stream", help="Show the caption while it is written.")]
_NumBeams = Annotated[
    int | None, typer.Option(help="Captions searched side by side, 1 to 8; the best is shown.")
]
_Url = Annotated[str, typer.Option(envvar="OTMV_URL", help="The server.")]
_Key = Annotated[str | None, typer.Option(envvar="OTMV_KEY", help="An API key of it.")]
_TopK = Annotated[int, typer.Option(help="Answers to show.")]
_LatencyMs = Annotated[float | None, typer.Option(help="Latency budget.")]
_MemoryMb = Annotated[float | None, typer.Option(help="Memory budget.")]
_Quality = Annotated[float | None, typer.Option(help="Lowest quality, 0 to 1.")]
_Variant = Annotated[str | None, typer.Option(help="Exactly this variant.")]
_OnMiss = Annotated[str | None, typer.Option(help="degrade or reject.")]
_Chance = Annotated[float | None, typer.Option(help="Least chance of being on time, 0 to 1.")]


@app.command()
def ask(
    image: _Image,
    text: _Text = None,
    right: _Right = None,
    caption: _Caption = False,
    stream: _Stream = False,
    num_beams: _NumBeams = None,
    url: _Url = "http://127.0.0.1:8000",
    key: _Key = None,
    top_k: _TopK = 3,
    max_latency_ms: _LatencyMs = None,
    max_memory_mb: _MemoryMb = None,
    min_quality: _Quality = None,
    variant: _Variant = None,
    on_miss: _OnMiss = None,
    min_on_time_probability: _Chance = None,
) -> None:
    """Ask about a picture, describe it, or ask whether a statement about two pictures is true.

    [bold]otmv ask picture.jpg "how many circles are there?" --max-latency-ms 50[/bold]

    [bold]otmv ask picture.jpg --caption --stream[/bold]

    [bold]otmv ask left.jpg "there is a circle in both pictures" --right right.jpg[/bold]
    """
    _check(text, right, caption, stream or num_beams is not None)
    form = _form(
        max_latency_ms=max_latency_ms,
        max_memory_mb=max_memory_mb,
        min_quality=min_quality,
        variant=variant,
        on_miss=on_miss,
        min_on_time_probability=min_on_time_probability,
    )
    server = AskedServer(url.rstrip("/"), {"Authorization": f"Bearer {key}"} if key else {})
    if text is None:
        served = captions.ask(server, image, form, stream=stream, num_beams=num_beams)
    elif right is not None:
        served = reason.ask(server, (image, right), text, form)
    else:
        served = vqa.ask(server, image, text, top_k, form)
    domain = domain_of(said_at(server, "/v1/variants"))
    if domain is not None and text is not None:
        warn_of_unknown_words(domain, text)
    print_facts(served, domain)


def _check(text: str | None, right: Path | None, caption: bool, for_captions: bool) -> None:
    if right is not None and text is None:
        fail('give a statement: otmv ask left.jpg "both are red" --right right.jpg', 2)
    if caption == (text is not None):
        fail('give a question, or --caption: otmv ask picture.jpg "how many circles?"', 2)
    if for_captions and not caption:
        fail("--stream and --num-beams need --caption", 2)


def _form(**fields: object) -> dict[str, str]:
    """Return the fields that were given, as text."""
    return {name: str(value) for name, value in fields.items() if value is not None}
