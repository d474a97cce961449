from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artifact.errors import (
    ArtifactError,
    ChecksumMismatch,
    InvalidManifest,
    MissingFile,
    SchemaTooNew,
)
from artifact.manifest import MANIFEST_NAME, WEIGHTS_NAME
from artifact.store import ArtifactWriter, open_artifact
from tests.engine.artifacts.tiny_artifact import write_tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny").root


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MANIFEST_NAME
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = write_tiny(tmp_path / "tiny")
    assert open_artifact(tmp_path / "tiny") == written
    assert written.labels()[0] == "red"
    assert written.tensor_bytes()["w0"] == 4 * 4 * 4
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_flipped_byte_in_the_weights_is_found(folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ChecksumMismatch, match=r"weights.safetensors.*copy the artifact again"):
        open_artifact(folder)
    assert open_artifact(folder, verify=False).root == folder


def test_a_truncated_file_is_found_without_hashing(folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ChecksumMismatch, match="bytes, the manifest says"):
        open_artifact(folder, verify=False)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "head_vqa.onnx").unlink()
    with pytest.raises(MissingFile, match=r"head_vqa\.onnx"):
        open_artifact(folder)


def test_an_empty_folder_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="otmv export"):
        open_artifact(tmp_path)


def test_a_newer_schema_is_refused_before_its_fields(folder: Path) -> None:
    edit(folder, lambda d: d.update(schema_version=2, unheard_of={}))
    with pytest.raises(SchemaTooNew, match="upgrade otmv-serve"):
        open_artifact(folder)


def test_a_newer_schema_is_refused_with_the_release_that_reads_it(folder: Path) -> None:
    edit(folder, lambda d: d.update(schema_version=2, toolchain={"otmv-serve": "3.1.0"}))
    with pytest.raises(SchemaTooNew, match=r"upgrade otmv-serve to 3\.1\.0 or newer") as caught:
        open_artifact(folder)
    assert (caught.value.found, caught.value.readable, caught.value.writer) == (2, 1, "3.1.0")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("toolchain", [None, [], {}, {"otmv-serve": 3}, {"otmv-serve": "a\nb"}])
def test_a_newer_schema_that_names_no_release_asks_for_a_newer_one(
    folder: Path, toolchain: object
) -> None:
    edit(folder, lambda d: d.update(schema_version=2, toolchain=toolchain))
    with pytest.raises(SchemaTooNew, match="upgrade otmv-serve to a newer release") as caught:
        open_artifact(folder)
    assert caught.value.writer is None
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [None, "1", True, 0, 1.5])
def test_a_schema_version_must_be_a_number(folder: Path, version: object) -> None:
    edit(folder, lambda d: d.update(schema_version=version))
    with pytest.raises(InvalidManifest, match="schema_version"):
        open_artifact(folder)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown field": lambda d: d.update(colour="red"),
    "stage gone": lambda d: d["stages"].pop("block[1]"),
    "task without its head": lambda d: (
        d["config"]["tasks"].append("reason"),
        d["tasks"].append("reason"),
    ),
    "variant twice": lambda d: d["variants"].append(d["variants"][0]),
    "pattern without order 0": lambda d: d["variants"][0].update(pattern=[1, 2]),
    "file outside": lambda d: d["files"].update({"../x": d["files"]["labels.json"]}),
    "no checksum": lambda d: d["files"].pop("labels.json"),
    "descending buckets": lambda d: d["buckets"].update(text_lengths=[8, 4]),
    "short buckets": lambda d: d["buckets"].update(text_lengths=[4]),
    "agreement above 1": lambda d: d["variants"][0].update(agreement={"vqa": {"fp32": 1.5}}),
    "agreement of no task": lambda d: d["variants"][0].update(agreement={"song": {"fp32": 0.5}}),
    "nameless quality": lambda d: d["variants"][0].update(quality_source="somehow"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_contradicting_manifest_is_refused(folder: Path, name: str) -> None:
    edit(folder, CHANGES[name])
    with pytest.raises(InvalidManifest, match="export"):
        open_artifact(folder)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_a_manifest_that_is_no_manifest(folder: Path, raw: bytes) -> None:
    (folder / MANIFEST_NAME).write_bytes(raw)
    with pytest.raises(InvalidManifest):
        open_artifact(folder)


def test_labels_must_match_the_head(folder: Path) -> None:
    artifact = open_artifact(folder)
    (folder / "labels.json").write_text('["red"]')
    with pytest.raises(InvalidManifest, match="6 answers"):
        artifact.labels()


def test_an_existing_folder_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="exists already"), ArtifactWriter(folder):
        pass
    assert open_artifact(folder)


def test_replace_swaps_the_whole_folder(folder: Path) -> None:
    manifest = open_artifact(folder).manifest
    files = {name: (folder / name).read_bytes() for name in manifest.files}
    (folder / "stale.txt").write_text("old")
    with ArtifactWriter(folder, replace=True) as writer:
        for name, content in files.items():
            (writer.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (writer.folder / name).write_bytes(content)
        writer.commit(manifest)
    assert open_artifact(folder).manifest == manifest
    assert not (folder / "stale.txt").exists()
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    def export() -> None:
        with ArtifactWriter(tmp_path / "out") as writer:
            (writer.folder / "half").write_text("written")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        export()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def export() -> None:
        with ArtifactWriter(tmp_path / "out") as writer:
            (writer.folder / "half").write_text("written")
            try:
                raise OSError(errno.ENOSPC, "No space left on device")
            except OSError as error:
                raise RuntimeError("a library wrapped it") from error

    with pytest.raises(ArtifactError, match=r"No space left on device.*free space"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_a_file_never_written_stops_the_commit(folder: Path, tmp_path: Path) -> None:
    manifest = open_artifact(folder).manifest
    with (
        pytest.raises(InvalidManifest, match="never written"),
        ArtifactWriter(tmp_path / "x") as writer,
    ):
        writer.commit(manifest)
    assert not (tmp_path / "x").exists()
