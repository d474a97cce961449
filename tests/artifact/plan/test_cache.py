"""Plans in the cache: found for exactly the target, refused with one line that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact.errors import (
    PlanCorrupt,
    PlanMissing,
    PlanOtherVersion,
    PlanOutdated,
    PlanTruncated,
    PlanWrongArch,
)
from artifact.plan import find_plan, plan_path, record_path, write_plan
from artifact.store import Artifact
from tests.artifact.plan.plan_records import BYTES, STAGE, TARGET, record


@pytest.fixture
def path(tmp_path: Path, artifact: Artifact) -> Path:
    place = plan_path(tmp_path / "cache", artifact, STAGE, TARGET)
    write_plan(place, BYTES, record(artifact))
    return place


def test_what_was_written_is_found_and_read(tmp_path: Path, artifact: Artifact, path: Path) -> None:
    plan = find_plan(tmp_path / "cache", artifact, STAGE, TARGET)
    assert plan.read() == BYTES
    assert plan.record == record(artifact)
    assert sorted(one.name for one in path.parent.iterdir()) == [
        record_path(path).name,
        path.name,
    ]


def test_no_plan_says_which_command_builds_it(tmp_path: Path, artifact: Artifact) -> None:
    with pytest.raises(PlanMissing) as caught:
        find_plan(tmp_path / "cache", artifact, STAGE, TARGET)
    command = f"otmv build {artifact.root} --library tensorrt-rtx --precision fp16"
    assert command in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"arch": "sm_90"}, PlanWrongArch, "a plan for sm_89, this GPU is sm_90"),
        ({"version": "1.8.0"}, PlanOtherVersion, "built by tensorrt-rtx 1.7.1, this is 1.8.0"),
        ({"precision": "bf16"}, PlanMissing, "no plan of"),
        ({"library": "tensorrt"}, PlanMissing, "no plan of"),
    ],
)
def test_a_plan_for_another_target_is_named(
    tmp_path: Path,
    artifact: Artifact,
    path: Path,
    change: dict[str, str],
    error: type[PlanMissing],
    says: str,
) -> None:
    wanted = TARGET.model_copy(update=change)
    with pytest.raises(error, match=says) as caught:
        find_plan(tmp_path / "cache", artifact, STAGE, wanted)
    assert type(caught.value) is error
    assert caught.value.fix.startswith(f"otmv build {artifact.root} --library {wanted.library}")


def test_a_renamed_folder_does_not_change_what_a_plan_is_for(
    tmp_path: Path, artifact: Artifact, path: Path
) -> None:
    wanted = TARGET.model_copy(update={"arch": "sm_120"})
    path.parent.rename(path.parent.parent / wanted.folder)
    with pytest.raises(PlanWrongArch, match="a plan for sm_89, this GPU is sm_120"):
        find_plan(tmp_path / "cache", artifact, STAGE, wanted)


@pytest.mark.parametrize(("arch", "found"), [("sm_80", True), ("sm_120", True), ("sm_75", False)])
def test_a_portable_plan_serves_every_gpu_from_8_0_on(
    tmp_path: Path, artifact: Artifact, arch: str, found: bool
) -> None:
    portable = TARGET.model_copy(update={"arch": "portable"})
    place = plan_path(tmp_path / "cache", artifact, STAGE, portable)
    write_plan(place, BYTES, record(artifact, target=portable))
    here = TARGET.model_copy(update={"arch": arch})
    if found:
        assert find_plan(tmp_path / "cache", artifact, STAGE, here).path == place
        newer = here.model_copy(update={"version": "1.8.0"})
        with pytest.raises(PlanOtherVersion):
            find_plan(tmp_path / "cache", artifact, STAGE, newer)
    else:
        with pytest.raises(PlanWrongArch, match="a plan for portable, this GPU is sm_75"):
            find_plan(tmp_path / "cache", artifact, STAGE, here)


def test_a_plan_of_its_own_comes_before_a_portable_one(
    tmp_path: Path, artifact: Artifact, path: Path
) -> None:
    portable = TARGET.model_copy(update={"arch": "portable"})
    place = plan_path(tmp_path / "cache", artifact, STAGE, portable)
    write_plan(place, BYTES, record(artifact, target=portable))
    assert find_plan(tmp_path / "cache", artifact, STAGE, TARGET).path == path


def test_a_truncated_plan_is_refused(tmp_path: Path, artifact: Artifact, path: Path) -> None:
    path.write_bytes(BYTES[:-1])
    with pytest.raises(PlanTruncated, match=r"18 bytes, its record says 19 \(otmv build"):
        find_plan(tmp_path / "cache", artifact, STAGE, TARGET).read()


def test_a_flipped_byte_is_refused(tmp_path: Path, artifact: Artifact, path: Path) -> None:
    path.write_bytes(BYTES[:-1] + b"!")
    with pytest.raises(PlanCorrupt, match="its record says"):
        find_plan(tmp_path / "cache", artifact, STAGE, TARGET).read()


@pytest.mark.parametrize("text", ["", "{}", '{"record_version": 2}'])
def test_a_record_that_is_none_is_refused(
    tmp_path: Path, artifact: Artifact, path: Path, text: str
) -> None:
    record_path(path).write_text(text)
    with pytest.raises(PlanCorrupt, match="otmv build"):
        find_plan(tmp_path / "cache", artifact, STAGE, TARGET)


@pytest.mark.parametrize(
    "change", [{"artifact": "1" * 64}, {"stage": "block[1]"}, {"graph_sha256": "1" * 64}]
)
def test_a_plan_of_something_else_is_refused(
    tmp_path: Path, artifact: Artifact, path: Path, change: dict[str, str]
) -> None:
    write_plan(path, BYTES, record(artifact, **change))
    with pytest.raises(PlanOutdated):
        find_plan(tmp_path / "cache", artifact, STAGE, TARGET)


def test_a_build_that_was_cut_short_leaves_no_plan(
    tmp_path: Path, artifact: Artifact, path: Path
) -> None:
    record_path(path).unlink()
    with pytest.raises(PlanMissing):
        find_plan(tmp_path / "cache", artifact, STAGE, TARGET)
