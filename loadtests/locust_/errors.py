"""What is wrong with how a load test was asked for, or with what it needs."""

from __future__ import annotations


class LoadTestError(Exception):
    """The run cannot start; the message is one line that says why and what to do."""


class OptionError(LoadTestError):
    """An option, or a file it names, cannot be used."""
