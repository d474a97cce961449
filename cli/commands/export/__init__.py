"""`otmv export`: the command, and what only it needs."""

from cli.commands.export.command import app as app
