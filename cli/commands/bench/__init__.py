"""`otmv bench`: one module per benchmark."""

from cli.commands.bench.engine import app as app
