"""Golden cases in the artifact are the examples they were written from."""

from __future__ import annotations

from artifact.golden import read_labelled_cases
from artifact.store import Artifact
from exporters.examples import Example


def test_golden_statements_name_both_pictures(exported: Artifact, examples: list[Example]) -> None:
    assert exported.manifest.golden is not None
    assert exported.manifest.golden.cases is not None
    cases = read_labelled_cases(exported.path(exported.manifest.golden.cases))
    for case, example in zip(cases, examples, strict=True):
        assert (case.task, case.statement, case.truth) == (
            example.task,
            example.statement,
            example.truth,
        )
        assert [exported.path(file).read_bytes() for file in case.images] == list(example.images)
        assert set(case.images) <= set(exported.manifest.files)
