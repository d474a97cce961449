"""The name of a model as APIs with a field `model` have it: `NAME[/TASK][:VARIANT][@ADAPTER]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from artifact.task import TaskName
from server.engine_pool import Pool
from server.errors import ModelNotFound
from server.tasks import SERVED_TASKS

_PARTS = re.compile(r"(?:/(?P<task>[^/:@]+))?(?::(?P<variant>[^:@]+))?(?:@(?P<adapter>[^@]+))?")


@dataclass(frozen=True)
class ServedModel:
    """What names of models may name now."""

    name: str
    tasks: tuple[TaskName, ...]
    variants: tuple[str, ...]
    adapters: tuple[str, ...] = ()

    @classmethod
    def of(cls, pool: Pool) -> Self:
        """Return what may be named of what a pool serves now."""
        manifest = pool.artifact.manifest
        tasks = tuple(
            name
            for name, served in SERVED_TASKS.items()
            if all(task.name in manifest.tasks for task in served.asks)
        )
        variants = tuple(variant.id for variant in manifest.variants)
        return cls(manifest.name, tasks, variants, tuple(sorted(pool.adapters())))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name without a task: the model's, with each variant, with each adapter."""
        variants = (f"{self.name}:{variant}" for variant in self.variants)
        return self.name, *variants, *(f"{self.name}@{adapter}" for adapter in self.adapters)


@dataclass(frozen=True)
class ModelName:
    """A model's name in its parts; None: left out."""

    name: str
    task: TaskName | None = None
    variant: str | None = None
    adapter: str | None = None

    def __str__(self) -> str:
        """Return it as one text, as `read_model_name` takes it."""
        rest = (("/", self.task), (":", self.variant), ("@", self.adapter))
        return self.name + "".join(mark + part for mark, part in rest if part is not None)


def read_model_name(text: str, model: ServedModel) -> ModelName:
    """Return the parts of a name, each of them served.

    A model's own name may have any characters, so it is known by being the one that is served.

    Raises:
        ModelNotFound: a part names what is not there; it says what is.
    """
    found = _PARTS.fullmatch(text.removeprefix(model.name)) if text.startswith(model.name) else None
    if found is None:
        raise ModelNotFound("model", text, model.names)
    for part, known in (
        ("task", model.tasks),
        ("variant", model.variants),
        ("adapter", model.adapters),
    ):
        if found[part] is not None and found[part] not in known:
            raise ModelNotFound(part, found[part], known)
    return ModelName(model.name, **found.groupdict())
