"""`otmv tune`: recipes, on the generated world or on data sets."""

from cli.commands.tune.command import app as app
