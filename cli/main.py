"""The `otmv` command. Each subcommand lives in its own module and loads only what it needs."""

from __future__ import annotations

import functools
import importlib
import inspect
import keyword
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from cli.streams import flush_output, prepare_streams

COMMANDS = {
    "world": "Generate pictures, questions and captions.",
    "data": "Read data sets: what is in them, what is wrong.",
    "import": "Read a released checkpoint, or the one inside an artifact.",
    "tune": "Tune one model, once, for all its variants.",
    "eval": "Measure a checkpoint's variants on a world.",
    "export": "Turn a checkpoint into an artifact.",
    "adapter": "Read, show and dissolve adapters.",
    "build": "Build TensorRT plans of an artifact.",
    "inspect": "Show what an artifact holds.",
    "profile": "Measure an artifact's latency profile on this machine.",
    "ablate": "Measure what a choice of tuning is worth.",
    "simulate": "Compare scheduling policies on a simulated device.",
    "bench": "Measure the engine or its scheduler against its bars.",
    "serve": "Serve an artifact over HTTP.",
    "key": "Make an API key for a server.",
    "report": "Write what Prometheus saw of a server as one page.",
    "ask": "Ask a running server about an image file.",
    "batch": "Ask a running server all that a file of lines asks.",
}


_PLACES = {
    "batch": "ask.batch",
    "inspect": "artifacts.inspect",
    "build": "artifacts.build",
    "profile": "artifacts.profile",
}
"""Where a command lies that is not a module of `cli/commands/` itself."""
_INTERRUPTED = 130
"""What a shell gives for a command that SIGINT has ended."""
_AFTER_STOP = {
    "tune": "; the same command resumes",
    "batch": "; the same command resumes",
    "export": "; nothing was written, the same command begins again",
    "import": "; nothing was written, the same command begins again",
    "adapter import": "; nothing was written, the same command begins again",
    "adapter merge": "; nothing was written, the same command begins again",
    "adapter fold": "; nothing was written, the same command begins again",
    "ablate": "; the same command goes on where it was",
    "bench slo": "; the same command goes on where it was",
}


def build(arguments: list[str]) -> typer.Typer:
    """Build the command line; only the subcommand in `arguments` is imported, others are listed."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,  # they could hold an API key
    )
    app.callback()(_root)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        if name == chosen:
            _add(app, name, importlib.import_module(module_of(name)).app)
        else:
            app.command(name, help=text)(_listed)
    return app


def module_of(command: str) -> str:
    """Return the module of a subcommand; a word of Python's own has an underscore at its end."""
    place = _PLACES.get(command, command)
    return f"cli.commands.{place}_" if keyword.iskeyword(place) else f"cli.commands.{place}"


def _add(app: typer.Typer, name: str, sub: typer.Typer) -> None:
    """Add a subcommand, or a group if it has several commands of its own."""
    grouped = len(sub.registered_commands) > 1
    target = typer.Typer(no_args_is_help=True, rich_markup_mode="rich") if grouped else app
    for command in sub.registered_commands:
        callback = command.callback or _listed
        text = _paragraphs(command.help or inspect.getdoc(callback) or "")
        own = command.name or callback.__name__
        named = _ended_in_one_line(f"{name} {own}" if grouped else name, callback)
        target.command(own if grouped else name, help=text)(named)
    if grouped:
        target.registered_callback = sub.registered_callback
        app.add_typer(target, name=name)


def _ended_in_one_line(name: str, command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose errors name it; its Ctrl-C is one line that says what is left."""

    @functools.wraps(command)
    def named(*arguments: Any, **options: Any) -> None:
        from cli.console import fail, running  # only here: --version loads nothing

        with running(f"otmv {name}"):
            try:
                command(*arguments, **options)
            except KeyboardInterrupt:
                fail(f"stopped{_AFTER_STOP.get(name, '')}", code=_INTERRUPTED)

    return named


def _paragraphs(text: str) -> str:
    """Return a docstring with one line per paragraph, which a terminal breaks where it ends."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)


def _listed() -> None:
    """Stand for a subcommand that this call does not use."""


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Serve one OTMV-tuned vision-language model as a family of variants.

    Every answer comes from the best variant its latency and memory budget allows.
    """


def main() -> None:
    """Run the command line."""
    prepare_streams()
    try:
        if sys.argv[1:] == ["--version"]:
            print(f"otmv {version('otmv-serve')}")
        else:
            build(sys.argv[1:])()
    finally:
        flush_output()


if __name__ == "__main__":
    main()
