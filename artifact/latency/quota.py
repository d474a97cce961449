"""How many processors the kernel lets a group of processes use: Linux's cgroups, v1 and v2.

Pure: from the texts of the kernel's files to a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

Read = Callable[[str], str | None]
"""From the path of a file to its text; None: it is not there, or cannot be read."""

CGROUPS = "/proc/self/cgroup"
MOUNTS = "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class _Mount:
    """A mounted hierarchy of groups: the group `root` of it lies at `folder`."""

    is_v2: bool
    root: PurePosixPath
    folder: PurePosixPath


def cpu_quota(read: Read) -> float:
    """Return how many processors this process may use, on average; infinite without a quota.

    A group has what every group around it leaves: the least quota on its path counts.
    """
    groups = _groups(read(CGROUPS) or "")
    quotas = [
        _v2_quota(read, folder) if mount.is_v2 else _v1_quota(read, folder)
        for mount in _mounts(read(MOUNTS) or "")
        if mount.is_v2 in groups
        for folder in _folders(mount, groups[mount.is_v2])
    ]
    return min(quotas, default=math.inf)


def _groups(text: str) -> dict[bool, PurePosixPath]:
    """Return the group of this process in v2 (True), and in v1's hierarchy of processors."""
    found = {}
    for line in text.splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3 and (line.startswith("0::") or "cpu" in fields[1].split(",")):
            found[line.startswith("0::")] = PurePosixPath(fields[2])
    return found


def _mounts(text: str) -> Iterator[_Mount]:
    for line in text.splitlines():
        where, _, what = line.partition(" - ")
        fields, kind = where.split(), what.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        is_v2 = kind[0] == "cgroup2"
        if is_v2 or (kind[0] == "cgroup" and "cpu" in kind[2].split(",")):
            yield _Mount(is_v2, _path(fields[3]), _path(fields[4]))


def _path(field: str) -> PurePosixPath:
    """Return a path of `mountinfo`, which writes spaces and such as octal numbers."""
    return PurePosixPath(_OCTAL.sub(lambda found: chr(int(found[1], 8)), field))


def _folders(mount: _Mount, group: PurePosixPath) -> Iterator[str]:
    """Yield the folder of a group and of every group around it that is mounted.

    A container may see its group by the host's name, and only itself mounted.
    """
    inside = group.is_relative_to(mount.root)
    below = group.relative_to(mount.root) if inside else PurePosixPath()
    folder = mount.folder / below
    while True:
        yield str(folder)
        if folder == mount.folder:
            return
        folder = folder.parent


def _v1_quota(read: Read, folder: str) -> float:
    quota = _number(read(f"{folder}/cpu.cfs_quota_us"))
    return _processors(quota, _number(read(f"{folder}/cpu.cfs_period_us")))


def _v2_quota(read: Read, folder: str) -> float:
    quota, _, period = (read(f"{folder}/cpu.max") or "").partition(" ")
    return _processors(_number(quota), _number(period))


def _number(text: str | None) -> int | None:
    """Return the number that a file says; None for `max`, -1, or anything else."""
    said = (text or "").strip()
    return int(said) if said.isascii() and said.isdigit() else None


def _processors(quota: int | None, period: int | None) -> float:
    return quota / period if quota and period else math.inf
