"""Graphs as files."""

from __future__ import annotations

from artifact.store import Artifact


def test_no_graph_names_a_source_file(exported: Artifact) -> None:
    for stage in exported.manifest.stages.values():
        assert b".py" not in exported.path(stage.file).read_bytes()
