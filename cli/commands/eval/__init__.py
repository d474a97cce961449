"""`otmv eval`."""

from cli.commands.eval.command import app as app
