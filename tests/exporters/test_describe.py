"""What a manifest says of its export."""

from __future__ import annotations

from importlib.metadata import version

from artifact.manifest import writer_of
from artifact.store import Artifact
from tuning.world.vocabulary import DOMAIN


def test_manifest_names_the_release_that_wrote_it(exported: Artifact) -> None:
    assert exported.manifest.toolchain["otmv-serve"] == version("otmv-serve")
    assert writer_of(exported.manifest.model_dump()) == version("otmv-serve")


def test_manifest_says_what_the_model_was_tuned_on(exported: Artifact) -> None:
    assert exported.manifest.domain == DOMAIN
