"""What is wrong with how a load test was asked for, or with what it needs."""

from __future__ import annotations


class LoadTestError(Exception):
    """The run cannot start; the message is one line that says why and what to do."""


class OptionError(LoadTestError):
    """An option, or a file it names, cannot be used."""


def read_positive(text: str, problem: str) -> float:
    """Read a number above 0.

    Raises:
        OptionError: with this problem, if it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise OptionError(problem)
    return value
