"""`otmv adapter`: the commands, and what only they need."""

from cli.commands.adapter.command import app as app
