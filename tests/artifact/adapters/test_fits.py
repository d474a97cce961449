"""What an adapter fits: its own base, and stages that have room for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from artifact.adapters.errors import (
    AdapterError,
    AdapterOfOtherBase,
    AdapterTooLarge,
)
from artifact.adapters.folder import (
    check_base,
    check_capacity,
)
from artifact.adapters.record import AdapterCapacity
from artifact.store import Artifact
from artifact.task import CAPTION, VQA
from tests.artifact.adapters.made_adapters import CHECKPOINT, CONFIG, a_record, tables_at


def an_artifact(**fields: Any) -> Artifact:
    """Return what `check_base` reads of an artifact."""
    manifest = {
        "name": "small",
        "config": CONFIG,
        "tasks": (VQA.name,),
        "source_checkpoint_sha256": CHECKPOINT,
    }
    return cast(
        Artifact, SimpleNamespace(hash="a" * 64, manifest=SimpleNamespace(**{**manifest, **fields}))
    )


def test_it_fits_what_it_was_tuned_on() -> None:
    check_base("pets", a_record(), an_artifact())
    by_hash = {"name": "small", "artifact_hash": "a" * 64}
    check_base("pets", a_record(base=by_hash), an_artifact(source_checkpoint_sha256=None))


def test_another_base_shape_or_task_is_refused() -> None:
    other = an_artifact(source_checkpoint_sha256="d" * 64)
    with pytest.raises(AdapterOfOtherBase, match="it adapts 'small' \\(cccccccccccc…\\)"):
        check_base("pets", a_record(), other)
    by_hash = a_record(base={"name": "small", "artifact_hash": "b" * 64})
    with pytest.raises(AdapterOfOtherBase, match="bbbbbbbbbbbb"):
        check_base("pets", by_hash, an_artifact(source_checkpoint_sha256=None))
    wider = a_record(config={**CONFIG.to_fields(), "ffn_width": 12})
    with pytest.raises(AdapterOfOtherBase, match="another shape"):
        check_base("pets", wider, an_artifact())
    with pytest.raises(AdapterOfOtherBase, match="it is for caption"):
        check_base("pets", a_record(tasks=(CAPTION.name,)), an_artifact())


def test_capacity() -> None:
    gated = tables_at("block.ffn_output", parts=("down", "up", "gate_down", "gate_up"), gate_rank=3)
    room = AdapterCapacity(ranks={"block.q": 2, "block.v": 2})
    check_capacity("pets", a_record(), room)
    with pytest.raises(AdapterTooLarge, match=r"rank 3 at block\.q; the artifact has room for 2"):
        check_capacity("pets", a_record(tables_at("block.q", rank=3)), room)
    with pytest.raises(AdapterTooLarge, match=r"no room for tables at block\.k"):
        check_capacity("pets", a_record(tables_at("block.k")), room)
    with pytest.raises(AdapterTooLarge, match=r"rank 3 at block\.ffn_output"):
        check_capacity("pets", a_record(gated), AdapterCapacity(ranks={"block.ffn_output": 2}))
    with pytest.raises(ValueError, match="there is no hook"):
        AdapterCapacity(ranks={"block.x": 1})
    assert issubclass(AdapterTooLarge, AdapterError)
