"""Records of plans: which optimization profile holds the sizes of a call."""

from __future__ import annotations

from artifact.store import Artifact
from tests.artifact.plan.plan_records import record


def test_the_profile_that_holds_the_sizes_is_chosen(artifact: Artifact) -> None:
    found = record(artifact)
    assert [found.profile_for({"B": size}) for size in (1, 2, 8, 9)] == [0, 1, 1, None]
    assert found.profile_for({}) is None
