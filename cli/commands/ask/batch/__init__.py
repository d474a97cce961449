"""`otmv batch`: the command, the lines it reads and writes, its pace, and what it sends."""

from cli.commands.ask.batch.command import app as app
