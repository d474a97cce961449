from __future__ import annotations

from collections.abc import Callable

from loadtests.kit.rounds import take_rounds, turned


class Watched:
    """Sides that note when each was measured, and take a second more each time."""

    def __init__(self, names: str) -> None:
        self.order: list[str] = []
        self.sides: dict[str, Callable[[], float]] = {name: self._side(name) for name in names}

    def _side(self, name: str) -> Callable[[], float]:
        def seconds() -> float:
            self.order.append(name)
            return float(len(self.order))

        return seconds


def test_every_method_once_a_round_and_none_always_first() -> None:
    watched = Watched("abc")
    reported: list[str] = []
    found = take_rounds(watched.sides, 4, lambda what, share: reported.append(what))
    rounds = [watched.order[3 * k : 3 * k + 3] for k in range(4)]
    assert rounds == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]
    assert found == {"a": (1, 6, 8, 10), "b": (2, 4, 9, 11), "c": (3, 5, 7, 12)}
    assert reported[0] == "round 1 of 4, a"
    assert turned(["a"], 5) == ["a"]
