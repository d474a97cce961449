"""Connections that are parsed in turns."""

from __future__ import annotations

import asyncio

import uvloop

from server.http.connection.parse_turns import ParseTurns

MANY = 1000


async def turns_of(count: int) -> list[int]:
    """Let many want to be parsed at once; return the turn of each, in the order of parsing."""
    loop, turns = asyncio.get_running_loop(), ParseTurns()
    turn, parsed = 0, list[tuple[int, int]]()
    for number in range(count):
        turns.take(loop, lambda number=number: parsed.append((turn, number)))
    while len(parsed) < count and turn < count:
        await asyncio.sleep(0)
        turn += 1
    assert [number for _, number in parsed] == list(range(count))
    return [when for when, _ in parsed]


def test_few_are_parsed_at_once() -> None:
    assert uvloop.run(turns_of(5)) == [0] * 5


def test_many_are_parsed_in_turns_so_that_others_run_between() -> None:
    found = uvloop.run(turns_of(MANY))
    most = max(found.count(turn) for turn in set(found))
    assert found.count(0) == most
    assert most <= MANY / 5


def test_one_that_comes_later_overtakes_none() -> None:
    async def run() -> list[str]:
        loop, turns, parsed = asyncio.get_running_loop(), ParseTurns(), list[str]()
        for _ in range(MANY):
            turns.take(loop, lambda: parsed.append("early"))
        await asyncio.sleep(0)
        turns.take(loop, lambda: parsed.append("late"))
        await asyncio.sleep(0.1)
        return parsed

    assert uvloop.run(run()) == ["early"] * MANY + ["late"]


def test_after_a_pause_it_is_parsed_at_once_again() -> None:
    async def run() -> list[int]:
        loop, turns, parsed = asyncio.get_running_loop(), ParseTurns(), list[int]()
        found = []
        for _ in range(3):
            for number in range(MANY):
                turns.take(loop, lambda number=number: parsed.append(number))
            await asyncio.sleep(0.05)
            parsed.clear()
            turns.take(loop, lambda: parsed.append(0))
            found.append(len(parsed))
            await asyncio.sleep(0.01)
            parsed.clear()
        return found

    assert uvloop.run(run()) == [1, 1, 1]


def test_one_that_waits_waits_once_and_may_leave() -> None:
    async def run() -> tuple[int, int, list[str]]:
        loop, turns, parsed = asyncio.get_running_loop(), ParseTurns(), list[str]()
        for number in range(MANY):
            turns.take(loop, lambda number=number: parsed.append(str(number)))
        first = len(parsed)

        def stays() -> None:
            parsed.append("stays")

        def leaves() -> None:
            parsed.append("leaves")

        for _ in range(MANY):
            assert not turns.take(loop, stays)
            assert not turns.take(loop, leaves)
        turns.leave(leaves)
        turns.leave(leaves)
        waited = len(turns)
        await asyncio.sleep(0.1)
        return waited, first, parsed

    waited, first, parsed = uvloop.run(run())
    assert waited == MANY - first + 1
    assert parsed == [*map(str, range(MANY)), "stays"]
