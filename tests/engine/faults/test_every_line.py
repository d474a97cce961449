"""A fault at every line of the loop's path: each request is answered once, all the same."""

from __future__ import annotations

import gc
import logging
import random
from pathlib import Path

import pytest

from artifact.store import Artifact
from engine.types import Answer
from tests.engine.faults.fault_lines import ENGINE, SWEPT, Broken, Faults, Killed, Place, Play

_NO_LOG = 60
"""Above every level: some thousand tracebacks help nothing."""


@pytest.fixture
def wanted(trio: Artifact, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Answer], Faults]:
    """What is answered without a fault, and the lines that were run meanwhile."""
    monkeypatch.setattr(logging.root.manager, "disable", _NO_LOG)
    monkeypatch.setattr(gc, "collect", lambda: 0)  # a third of the time it takes to load
    faults = Faults()
    play = Play(trio, faults)
    play.run()
    answers = play.answers()
    seen = Faults()
    seen.seen = [*faults.seen]
    play.check(answers)
    assert {"question", "statement", "streamed", "late"} <= answers.keys()
    assert "beams" not in answers
    assert "".join(play.pieces) == answers["streamed"].text
    play.pool.close()
    return answers, seen


def survive(artifact: Artifact, wanted: dict[str, Answer], faults: Faults) -> bool:
    """Play with a fault; tell whether the pool has gone on."""
    play = Play(artifact, faults)
    try:
        play.run()
        play.check(wanted)
        return play.pool.ready
    except BaseException as error:
        error.add_note(f"after {faults.raised} faults, the last at {faults.last}")
        raise
    finally:
        play.pool.close()


def times(seen: list[Place], most: int) -> list[int]:
    """Return when each line was run, at most so often: the first time, and others at random."""
    when: dict[Place, list[int]] = {}
    for at, place in enumerate(seen):
        when.setdefault(place, []).append(at)
    pick = random.Random(13)
    picked = {place: pick.sample(ats, min(most - 1, len(ats))) for place, ats in when.items()}
    return sorted(at for place, ats in when.items() for at in {ats[0], *picked[place]})


def test_the_schedule_runs_every_file_of_the_path(
    wanted: tuple[dict[str, Answer], Faults],
) -> None:
    _, faults = wanted
    assert {path for path, _ in faults.seen} == SWEPT
    assert len({*faults.seen}) > 200


def test_a_fault_once(trio: Artifact, wanted: tuple[dict[str, Answer], Faults]) -> None:
    """In 19 of 20 places at least the pool goes on; else it says that it is not ready."""
    answers, faults = wanted
    went_on = [survive(trio, answers, Faults(at)) for at in times(faults.seen, 1)[::2]]
    assert sum(went_on) >= 0.95 * len(went_on)


def test_a_thread_that_is_killed_fails_everything_that_is_open(
    trio: Artifact, wanted: tuple[dict[str, Answer], Faults]
) -> None:
    answers, faults = wanted
    for at in times(faults.seen, 1)[1::6]:
        survive(trio, answers, Faults(at, kind=Killed))


def test_a_line_that_always_throws(
    trio: Artifact, wanted: tuple[dict[str, Answer], Faults]
) -> None:
    """Wherever it is, but where requests are ended: there nothing can be told then."""
    answers, faults = wanted
    ends = {str(ENGINE / "requests" / name) for name in ("endings.py", "open_requests.py")}
    lines = sorted(place for place in {*faults.seen} if place[0] not in ends)
    for place in lines[::5]:
        survive(trio, answers, Faults(place=place))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Broken, Killed])
def test_a_fault_at_every_line(
    trio: Artifact, wanted: tuple[dict[str, Answer], Faults], kind: type[BaseException]
) -> None:
    answers, faults = wanted
    for at in times(faults.seen, 6):
        survive(trio, answers, Faults(at, kind=kind))


def test_faults_are_raised_where_they_are_wanted(
    trio: Artifact, wanted: tuple[dict[str, Answer], Faults]
) -> None:
    answers, faults = wanted
    at = next(i for i, (path, _) in enumerate(faults.seen) if Path(path).name == "endings.py")
    once = Faults(at)
    assert survive(trio, answers, once)
    assert once.raised == 1
