"""Errors of the artifact on disk and of the text that goes with it.

ArtifactError
├── MissingFile        a file the manifest names is not there
├── ChecksumMismatch   a file's bytes are not those the manifest recorded
├── SchemaTooNew       the manifest was written by a newer release
└── InvalidManifest    the manifest is not one
TextError
├── EmptyQuestion      nothing to ask
└── QuestionTooLong    more tokens than the model has text positions for
"""

from __future__ import annotations

from pathlib import Path


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
    """The manifest's schema version is newer than this release understands."""


class InvalidManifest(ArtifactError):
    """The manifest cannot be parsed or contradicts itself."""


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
