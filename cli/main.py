"""The `otmv` command. Each subcommand lives in its own module and loads only what it needs."""

from __future__ import annotations

import importlib
import sys

import click
import typer

COMMANDS = {
    "world": "Generate pictures, questions and captions.",
    "tune": "Tune one OTMV model for all its variants.",
    "eval": "Measure a checkpoint's variants on a world.",
    "export": "Turn a checkpoint into an artifact.",
    "inspect": "Show what an artifact holds.",
    "profile": "Measure an artifact's latency profile on this machine.",
    "serve": "Serve an artifact over HTTP.",
    "ask": "Ask a running server about an image file.",
}


class LazyGroup(click.Group):
    """A click group that imports `cli.<command>` only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order users meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cli.{cmd_name}_")
        app: typer.Typer = module.app
        return typer.main.get_command(app)


@click.command(cls=LazyGroup, no_args_is_help=True)
@click.version_option(package_name="otmv-serve", prog_name="otmv")
def main() -> None:
    """Serve one OTMV-tuned vision-language model as a family of variants."""


if __name__ == "__main__":
    sys.exit(main())
