"""What loaded stages cost in memory, shared weights counted once (ADR 0014)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from artifact.stage import stage_name


class StageBytes:
    """Measured growth of the process per stage, and the weights behind it.

    A stage that grew the process by at least its weights holds a copy of its own (a library that
    repacks them). One that grew it by less maps the weights file: pages appear as they are
    touched, and stages that map the same tensor share them. Such tensors are counted in full, and
    once per set of stages. The stages of keys never loaded count as the largest of their kind.
    """

    def __init__(
        self,
        tensor_bytes: Mapping[str, int],
        tensors: Mapping[str, Iterable[str]],
        found_bytes: int = 0,
    ):
        self._size = tensor_bytes
        self._found_bytes = found_bytes
        self._tensors = {stage: frozenset(names) for stage, names in tensors.items()}
        self._growth: dict[str, int] = {}
        self._workspace: dict[str, int] = {}

    @property
    def workspace(self) -> int:
        """The bytes of the arena that all stages share.

        `found_bytes` of it were there before: another engine of the process had grown it.
        """
        return self._found_bytes + sum(self._workspace.values())

    def record(self, stage: str, growth: int, workspace: int = 0) -> None:
        """Take what loading and running a stage added, and by how much the shared arena grew.

        The largest growth of several loads counts. The arena keeps its bytes when a stage goes, so
        a later load finds them there: only the first one's count.
        """
        self._growth[stage] = max(growth, self._growth.get(stage, 0))
        self._workspace.setdefault(stage, workspace)

    def of(self, stages: Iterable[str]) -> int:
        """Return the bytes of a set of stages, without the workspace."""
        copied = touched = 0
        mapped: set[str] = set()
        for stage in stages:
            growth = self._grown(stage)
            if growth >= self._sum(self._tensors[stage]):
                copied += growth
            else:
                touched += growth
                mapped |= self._tensors[stage]
        return copied + max(touched, self._sum(mapped))

    def _grown(self, stage: str) -> int:
        if stage in self._growth:
            return self._growth[stage]
        kind = stage_name(stage).kind
        like = [grown for other, grown in self._growth.items() if stage_name(other).kind == kind]
        return max(like, default=0)

    def _sum(self, tensors: Iterable[str]) -> int:
        return sum(self._size[name] for name in tensors)
