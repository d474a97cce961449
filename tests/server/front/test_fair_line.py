"""In a fair line everybody's next one comes in turn."""

from __future__ import annotations

from server.front.fair_line import FairLine


def filled(*items: str) -> FairLine[str]:
    line: FairLine[str] = FairLine()
    for item in items:
        line.add(item[0], item)
    return line


def emptied(line: FairLine[str]) -> list[str]:
    return [line.pop() for _ in range(len(line))]


def test_a_share_alone_is_served_in_order() -> None:
    assert emptied(filled("a1", "a2", "a3")) == ["a1", "a2", "a3"]


def test_shares_take_turns_however_many_each_has() -> None:
    assert emptied(filled("a1", "a2", "a3", "b1", "c1")) == ["a1", "b1", "c1", "a2", "a3"]


def test_what_costs_more_comes_less_often() -> None:
    line: FairLine[str] = FairLine()
    for number in range(3):
        line.add("heavy", f"heavy{number}", cost=2.0)
        line.add("light", f"light{number}")
    assert emptied(line)[:4] == ["light0", "heavy0", "light1", "light2"]


def test_a_share_that_was_away_saves_nothing_up() -> None:
    line = filled("a1", "a2", "a3", "a4")
    assert [line.pop(), line.pop()] == ["a1", "a2"]
    line.add("b", "b1")
    line.add("b", "b2")
    assert emptied(line) == ["a3", "b1", "a4", "b2"]


def test_how_many_are_ahead_is_said_for_each_share() -> None:
    line = filled("a1", "a2", "a3", "b1")
    assert (line.ahead("a"), line.ahead("b"), line.ahead("c")) == (4, 3, 2)


def test_one_that_leaves_is_not_served() -> None:
    line = filled("a1", "b1", "a2")
    assert line.remove("b", "b1")
    assert not line.remove("b", "b1")
    assert emptied(line) == ["a1", "a2"]


def test_names_of_shares_do_not_add_up() -> None:
    line: FairLine[int] = FairLine()
    line.add("stays", 0)
    line.add("stays", 0)
    for number in range(1000):
        line.add(number, number)
        line.pop()
    assert len(line._ends) < 200


def test_newcomers_without_end_do_not_keep_a_share_waiting() -> None:
    line = filled("a1", "a2", "a3")
    served = []
    for number in range(6):
        line.add(f"new{number}", f"new{number}")
        served.append(line.pop())
    assert [each for each in served if each.startswith("a")] == ["a1", "a2", "a3"]
