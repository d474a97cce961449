"""`otmv ask`: the command, what it sends, and one module per task."""

from cli.commands.ask.command import app as app
