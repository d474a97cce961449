"""Mutable objects per request."""

from __future__ import annotations

from pathlib import Path

from structure.requests import OTHERS, measure, mutable_dataclasses
from structure.tree import Tree
from tests.structure.planted import planted

STATE = """
from dataclasses import dataclass
import dataclasses

@dataclass(slots=True)
class Job: ...

@dataclasses.dataclass
class View: ...

@dataclass(frozen=True, slots=True)
class Ticket: ...

@dataclass
class Round: ...

class Row: ...

class OnePassRow: ...

@dataclass
class JointRow: ...
"""


def test_mutable_dataclasses_and_one_row_count(tmp_path: Path) -> None:
    limit = measure(planted(tmp_path, {"engine/state.py": STATE, "server/state.py": STATE}))
    assert limit.places == (
        "engine/state.py:6 Job",
        "engine/state.py:9 View",
        "engine/state.py:19 OnePassRow or engine/state.py:22 JointRow",
    )
    assert (limit.value, limit.holds) == (3, True)


def test_each_exception_is_a_mutable_dataclass_of_the_engine(repository: Tree) -> None:
    engine = [source for source in repository.sources if source.package == "engine"]
    assert set(OTHERS) <= {name for name, _ in mutable_dataclasses(engine)}
