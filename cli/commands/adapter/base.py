"""The base of an adapter, as a command line names it: a checkpoint, or an artifact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artifact.errors import ArtifactError, how_to_install
from cli.console import fail, first_line

if TYPE_CHECKING:
    from artifact.adapters.folder import Adapter
    from artifact.adapters.record import AdaptedBase
    from artifact.store import Artifact
    from models.checkpoint import Checkpoint


@dataclass(frozen=True)
class Base:
    """A base that was read.

    Attributes:
        path: where it lies.
        checkpoint: its model, words and answers.
        named: how adapters name it.
        artifact: what it was read from; None: from a checkpoint.
    """

    path: Path
    checkpoint: Checkpoint
    named: AdaptedBase
    artifact: Artifact | None


def read_base(path: Path) -> Base:
    """Read a checkpoint, or the one inside an artifact.

    Raises:
        ArtifactError: it cannot be read.
    """
    from artifact.adapters.record import AdaptedBase
    from artifact.manifest import MANIFEST_NAME
    from artifact.store import open_artifact
    from models.adapters.loaded import base_of
    from models.checkpoint import load

    if not (path / MANIFEST_NAME).is_file():
        checkpoint = load(path)
        return Base(path, checkpoint, base_of(checkpoint), None)
    from exporters.graphs.recover import recover

    artifact = open_artifact(path)
    manifest = artifact.manifest
    named = AdaptedBase(
        name=manifest.name,
        checkpoint_sha256=manifest.source_checkpoint_sha256,
        artifact_hash=artifact.hash,
    )
    return Base(path, recover(artifact), named, artifact)


def check_adapts(adapter: Adapter, folder: Path, base: Base) -> None:
    """Check that an adapter was tuned on a base.

    Raises:
        AdapterOfOtherBase: it was not.
    """
    from artifact.adapters.errors import AdapterOfOtherBase
    from artifact.adapters.folder import check_base

    if base.artifact is not None:
        check_base(folder, adapter.record, base.artifact)
    elif not adapter.record.base.is_inside(base.named.checkpoint_sha256, base.named.artifact_hash):
        problem = (
            f"it adapts {adapter.record.base.name!r}, whose weights are not those of {base.path}"
        )
        raise AdapterOfOtherBase(folder, problem, "name the base it was tuned on")


@contextmanager
def one_line_errors(doing: str, extra: str) -> Iterator[None]:
    """End with one line if something cannot be done.

    Args:
        doing: for the error, such as `merging`.
        extra: of the package, that it needs.
    """
    from pydantic import ValidationError

    from cli.console import first_problem

    try:
        yield
    except ModuleNotFoundError as error:
        fail(f"{doing} needs {error.name}: {how_to_install(extra)}")
    except ValidationError as error:
        where, problem = first_problem(error)
        fail(f"{where}: {problem}" if where else problem)
    except (ArtifactError, ValueError) as error:
        fail(first_line(error))
    except OSError as error:
        fail(f"{error} (check free space and rights; nothing was written)")
