"""Reading and writing artifact folders: whole or not at all (docs/architecture.md)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from artifact.atomic import DISK_FIX, disk_errors, disk_problem, folder_beside, open_to_all
from artifact.errors import (
    ArtifactError,
    ChecksumMismatch,
    InvalidManifest,
    MissingFile,
    SchemaTooNew,
)
from artifact.manifest import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    WEIGHTS_NAME,
    FileRecord,
    Manifest,
    writer_of,
)
from artifact.preprocess import TextCodec
from artifact.task import Task


@dataclass(frozen=True)
class Artifact:
    """An artifact folder that has been checked. `hash` is the SHA-256 of its manifest's bytes."""

    root: Path
    manifest: Manifest
    hash: str

    @property
    def short_hash(self) -> str:
        """The beginning of its hash: enough to tell artifacts apart."""
        return self.hash[:12]

    def path(self, name: str) -> Path:
        """Return where a file of the artifact lies."""
        return self.root / name

    def labels(self) -> tuple[str, ...]:
        """Return the VQA answers, in the order of the head's classes.

        Raises:
            InvalidManifest: if the file is no list of `num_answers` strings.
        """
        path = self.path(self.manifest.labels)
        found = json.loads(path.read_text("utf-8"))
        expected = self.manifest.config.num_answers
        if not isinstance(found, list) or len(found) != expected:
            raise InvalidManifest(path, f"not a list of {expected} answers", "export it again")
        return tuple(str(answer) for answer in found)

    def labels_of(self, task: Task) -> tuple[str, ...]:
        """Return what the logits of a task say; nothing for words of a vocabulary.

        Raises:
            InvalidManifest: as `labels`.
        """
        return task.labels or (self.labels() if task.lists_answers else ())

    def tensor_bytes(self) -> dict[str, int]:
        """Return the size of every tensor in the weights file, from its header."""
        path = self.path(WEIGHTS_NAME)
        if not path.is_file():
            return {}
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
        spans = {name: entry["data_offsets"] for name, entry in header.items() if "dtype" in entry}
        return {name: end - start for name, (start, end) in spans.items()}

    def text_codec(self) -> TextCodec:
        """Return the tokenizer with the artifact's limits."""
        return TextCodec.from_file(self.path(self.manifest.tokenizer), self.manifest.text)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_artifact(path: Path | str, verify: bool = True) -> Artifact:
    """Read a manifest and check that every file is what it says.

    `verify=False` skips the SHA-256 (not presence and size), for tools that only list.

    Raises:
        MissingFile, ChecksumMismatch, SchemaTooNew, InvalidManifest: each names the file and
            the way out.
    """
    root = Path(path)
    manifest_path = root / MANIFEST_NAME
    if not manifest_path.is_file():
        raise MissingFile(root, f"no {MANIFEST_NAME} here", "give the folder `otmv export` wrote")
    raw = manifest_path.read_bytes()
    manifest = _parse(manifest_path, raw)
    for name in sorted(manifest.referenced_files - set(manifest.files)):
        raise InvalidManifest(manifest_path, f"{name} has no checksum", "export it again")
    for name, record in manifest.files.items():
        _check_file(root / name, record, verify)
    return Artifact(root, manifest, hashlib.sha256(raw).hexdigest())


def _parse(path: Path, raw: bytes) -> Manifest:
    again = "export the artifact again"
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise InvalidManifest(path, f"not JSON: {error}", again) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidManifest(path, "no schema_version", again)
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(path, version, SCHEMA_VERSION, writer_of(document))
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise InvalidManifest(path, f"{where}: {first['msg']}", again) from error


def _check_file(path: Path, record: FileRecord, verify: bool) -> None:
    fix = "copy the artifact again, or export it again"
    if not path.is_file():
        raise MissingFile(path, "named by the manifest, not there", fix)
    size_bytes = path.stat().st_size
    if size_bytes != record.size_bytes:
        problem = f"{size_bytes} bytes, the manifest says {record.size_bytes}"
        raise ChecksumMismatch(path, problem, fix)
    if verify and (found := sha256_of(path)) != record.sha256:
        problem = f"SHA-256 {found[:12]}…, the manifest says {record.sha256[:12]}…"
        raise ChecksumMismatch(path, problem, fix)


class ArtifactWriter:
    """Write an artifact beside its destination, then rename; on any failure nothing is left.

    Use as a context manager: write files under `folder`, then call `commit(manifest)`. Leaving
    the block without a commit, or by an exception, removes the temporary folder.
    """

    def __init__(self, out: Path | str, replace: bool = False) -> None:
        self.out = Path(out)
        self.replace = replace
        self.folder = Path()

    def __enter__(self) -> Self:
        if self.out.exists() and not self.replace:
            raise ArtifactError(self.out, "exists already", "choose another folder or remove it")
        self.folder = folder_beside(self.out)
        return self

    def preview(self, manifest: Manifest) -> Artifact:
        """Return the unfinished folder as an artifact, so that it can be run before commit."""
        raw = manifest.model_dump_json().encode()
        return Artifact(self.folder, manifest, hashlib.sha256(raw).hexdigest())

    def commit(self, manifest: Manifest) -> Artifact:
        """Record every file's checksum, write the manifest, move the folder into place.

        Raises:
            ArtifactError: if the disk is full or not writable; InvalidManifest if a file that a
                record points to was not written.
        """
        with disk_errors(self.out):
            manifest = manifest.model_copy(update={"files": self._records()})
            for name in sorted(manifest.referenced_files - set(manifest.files)):
                raise InvalidManifest(self.out, f"{name} was never written", "write it first")
            text = manifest.model_dump_json(indent=1) + "\n"
            path = self.folder / MANIFEST_NAME
            path.write_text(text, "utf-8")
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            self._move_into_place()
        return Artifact(self.out, manifest, hashlib.sha256(text.encode()).hexdigest())

    def _move_into_place(self) -> None:
        open_to_all(self.folder)
        old = self.folder.with_name(f"{self.folder.name}-old")
        if self.replace and self.out.exists():
            self.out.rename(old)
        self.folder.rename(self.out)
        shutil.rmtree(old, ignore_errors=True)

    def _records(self) -> dict[str, FileRecord]:
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {
            path.relative_to(self.folder).as_posix(): FileRecord(
                sha256=sha256_of(path), size_bytes=path.stat().st_size
            )
            for path in paths
            if path != self.folder / MANIFEST_NAME
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if error is not None and (problem := disk_problem(error)) is not None:
            raise ArtifactError(self.out, problem, DISK_FIX) from error
