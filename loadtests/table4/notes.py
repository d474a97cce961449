"""A note per row: what the structure, that is the operations it saves or adds, does not explain."""

from __future__ import annotations

from loadtests.table4.rows import Speed

EXPLAINED = 0.07
"""A speed within this share of its ideal is explained by the structure."""


def note(speed: Speed) -> str:
    """Return one line on a row: whether the structure explains ours, and the paper's.

    Both are held against our model's ideal; the paper's, at its sizes, differs a little.
    """
    ours = explained(speed.share)
    if speed.paper is None:
        verdict = "explains ours" if ours else "does not explain ours"
        return f"not in the paper's table; the structure {verdict}"
    share = speed.paper / speed.ideal
    verdict = {
        (True, True): "explains both",
        (True, False): "explains ours, not the paper's",
        (False, True): "explains the paper's, not ours",
        (False, False): "explains neither",
    }[ours, explained(share)]
    return f"the paper's is {share:.2f} of this ideal; the structure {verdict}"


def explained(share: float) -> bool:
    """Tell whether a share of an ideal is near enough to 1."""
    return abs(share - 1) <= EXPLAINED
