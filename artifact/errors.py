"""Errors of the artifact on disk and of the text that goes with it.

ArtifactError
├── MissingFile        a file the manifest names is not there
├── ChecksumMismatch   a file's bytes are not those the manifest recorded
├── SchemaTooNew       the manifest was written by a newer release
├── InvalidManifest    the manifest is not one
└── PlanError          a plan in the cache folder cannot be used
    ├── PlanMissing        none was built for this library, version, GPU and precision
    │   ├── PlanWrongArch      only for another GPU
    │   └── PlanOtherVersion   only by another version of the library
    ├── PlanOutdated       it was built from another artifact or stage
    ├── PlanTruncated      its size is not the record's
    └── PlanCorrupt        its bytes, or its record, are not what was written
TextError
├── EmptyQuestion      nothing to ask
└── QuestionTooLong    more tokens than the model has text positions for
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_PACKAGE = "otmv-serve"


def how_to_install(extra: str, *options: str) -> str:
    """Return the command that installs an extra from where this installation came.

    That is a source tree, a file, or the package index. It works where the package is not
    published.
    """
    wanted = f"{_PACKAGE}[{extra}]"
    origin = _origin()
    url = str(origin.get("url", ""))
    if url.startswith("file://") and "dir_info" in origin:
        options = (*options, "-e") if origin["dir_info"].get("editable") else options
        wanted = f"{_shortest(unquote(urlsplit(url).path))}[{extra}]"
    elif url:
        wanted = f"{wanted} @ {url}"
    words = [_shortest(sys.executable), "-m", "pip", "install", *options]
    return f"{' '.join(map(shlex.quote, words))} {shlex.quote(wanted)}"


def _origin() -> dict[str, Any]:
    """Return what pip wrote of where this package came from; nothing: from an index."""
    try:
        found = json.loads(distribution(_PACKAGE).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _shortest(path: str) -> str:
    """Return a path as short as it can be typed here."""
    return min(path, os.path.relpath(path), key=len)


class ArtifactError(Exception):
    """Something about an artifact folder is wrong; `str()` is one line that says how to fix it."""

    def __init__(self, path: Path | str, problem: str, fix: str) -> None:
        self.path = Path(path)
        self.problem = problem
        self.fix = fix
        super().__init__(f"{path}: {problem} ({fix})")


class MissingFile(ArtifactError):
    """A file the manifest names, or the manifest itself, is not there."""


class ChecksumMismatch(ArtifactError):
    """A file's size or SHA-256 differs from the manifest's record."""


class SchemaTooNew(ArtifactError):
    """The manifest's schema version is newer than this release reads.

    Args:
        path: the manifest.
        found: its schema version.
        readable: the newest schema version that this release reads.
        writer: the release of otmv-serve that wrote it, None if it does not say.
    """

    def __init__(self, path: Path | str, found: int, readable: int, writer: str | None) -> None:
        self.found = found
        self.readable = readable
        self.writer = writer
        needed = "a newer release" if writer is None else f"{writer} or newer"
        super().__init__(
            path,
            f"schema version {found}; this release reads up to {readable}",
            f"upgrade otmv-serve to {needed}, or export with this release",
        )


class InvalidManifest(ArtifactError):
    """The manifest cannot be parsed or contradicts itself."""


class PlanError(ArtifactError):
    """A plan in the cache folder cannot be used; `fix` is the command that builds it."""


class PlanMissing(PlanError):
    """No plan of the stage for this library, version, GPU and precision."""


class PlanWrongArch(PlanMissing):
    """The plan was built for another compute capability."""


class PlanOtherVersion(PlanMissing):
    """The plan was built by another version of the library."""


class PlanOutdated(PlanError):
    """The plan was built from another artifact, or another stage of it."""


class PlanTruncated(PlanError):
    """The plan's size differs from its record's."""


class PlanCorrupt(PlanError):
    """The plan's SHA-256 differs from its record's, or the record cannot be read."""


class TextError(ValueError):
    """A text cannot be given to the model."""


class EmptyQuestion(TextError):
    """The question has no words."""

    def __init__(self) -> None:
        super().__init__("the question is empty; send at least one word")


class QuestionTooLong(TextError):
    """The question has more tokens than the model reads."""

    def __init__(self, tokens: int | None, limit: int) -> None:
        self.tokens = tokens
        self.limit = limit
        found = "far too many" if tokens is None else str(tokens)
        super().__init__(
            f"the question has {found} tokens; the model reads at most {limit}; shorten it"
        )
