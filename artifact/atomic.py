"""Files and folders that other processes only ever see whole."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artifact.errors import ArtifactError


def write_atomically(path: Path, content: str | bytes | memoryview) -> None:
    """Write text (as UTF-8) or bytes beside their place and rename them, creating the folder.

    Raises:
        OSError: if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.tmp-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def folder_beside(out: Path) -> Path:
    """Make an empty folder beside `out`, which can be renamed to it.

    Raises:
        ArtifactError: the disk does not let it.
    """
    with disk_errors(out):
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.tmp-", dir=out.absolute().parent))
        made.chmod(0o755)
    return made


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `out` when the block ends; on an error nothing is left.

    Raises:
        ArtifactError: `out` exists, or the disk is full or not writable.
    """
    if out.exists():
        raise ArtifactError(out, "exists already", "choose another folder or remove it")
    made = folder_beside(out)
    try:
        yield made
        open_to_all(made)
        made.rename(out)
    except BaseException as error:
        if (problem := disk_problem(error)) is not None:
            raise ArtifactError(out, problem, DISK_FIX) from error
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def open_to_all(folder: Path) -> None:
    """Let everybody read what lies in a folder; some libraries let only their own user."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


DISK_FIX = "free space or choose another disk; nothing was left behind"
"""What to do when a disk is full."""


def disk_problem(error: BaseException) -> str | None:
    """Return what a disk did, if it is the cause of `error`, also when a library wrapped it."""
    while True:
        full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
        if isinstance(error, OSError) and error.errno in full:
            return f"cannot write: {error.strerror}"
        if not isinstance(error, ArtifactError):
            for said in ("No space left on device", "File too large"):
                if said in str(error):
                    return f"cannot write: {said}"
        if error.__cause__ is None:
            return None
        error = error.__cause__


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says into an error that names the path.

    Raises:
        ArtifactError: any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        problem = f"cannot write: {error.strerror or error}"
        raise ArtifactError(path, problem, "check free space and permissions") from error
