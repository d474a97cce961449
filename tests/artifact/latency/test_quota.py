from __future__ import annotations

import math

import pytest

from artifact.latency.quota import cpu_quota

V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw,nosuid shared:13 - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:14 - cgroup cgroup rw,memory
"""
V1_GROUPS = """\
9:name=systemd:/system.slice/otmv.service
4:memory:/system.slice/otmv.service
3:cpuset:/
2:cpu,cpuacct:/system.slice/otmv.service
"""
V2_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V2_GROUPS = "0::/system.slice/otmv.service\n"
V2 = {"/proc/self/cgroup": V2_GROUPS, "/proc/self/mountinfo": V2_MOUNTS}
V1 = {"/proc/self/cgroup": V1_GROUPS, "/proc/self/mountinfo": V1_MOUNTS}
SERVICE = "system.slice/otmv.service"


def v1(quota: object, period: int = 100_000, group: str = SERVICE) -> dict[str, str]:
    folder = f"/sys/fs/cgroup/cpu,cpuacct/{group}".rstrip("/")
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": f"{period}\n",
    }


def v2(said: str, group: str = SERVICE) -> dict[str, str]:
    return {f"/sys/fs/cgroup/{group}/cpu.max": f"{said}\n"}


@pytest.mark.parametrize(
    ("files", "processors"),
    [
        ({}, math.inf),
        (V1, math.inf),
        (V1 | v1(-1), math.inf),
        (V1 | v1(50_000), 0.5),
        (V1 | v1(300_000), 3.0),
        (V1 | v1(25_000, period=20_000), 1.25),
        (V2, math.inf),
        (V2 | v2("max 100000"), math.inf),
        (V2 | v2("150000 100000"), 1.5),
        (V2 | v2("10000 5000"), 2.0),
    ],
)
def test_a_group_says_how_many_processors_it_may_use(
    files: dict[str, str], processors: float
) -> None:
    assert cpu_quota(files.get) == processors


@pytest.mark.parametrize(
    ("inner", "outer"), [("400000 100000", "200000 100000"), ("200000 100000", "max 100000")]
)
def test_the_least_quota_on_the_path_counts(inner: str, outer: str) -> None:
    files = V2 | v2(inner) | v2(outer, "system.slice")
    assert cpu_quota(files.get) == 2.0


def test_the_least_quota_on_the_path_of_v1_counts_up_to_its_mount() -> None:
    files = V1 | v1(300_000) | v1(200_000, group="system.slice") | v1(100_000, group="")
    assert cpu_quota(files.get) == 1.0


def test_in_a_hybrid_the_hierarchy_with_processors_counts() -> None:
    files = {
        "/proc/self/cgroup": V1_GROUPS + "0::/system.slice/otmv.service\n",
        "/proc/self/mountinfo": V1_MOUNTS
        + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    }
    assert cpu_quota((files | v1(70_000)).get) == 0.7


@pytest.mark.parametrize("seen", ["/docker/4f1d", "/"])
def test_a_container_has_its_own_group_at_the_mount(seen: str) -> None:
    files = {
        "/proc/self/cgroup": f"2:cpu,cpuacct:{seen}\n",
        "/proc/self/mountinfo": "700 690 0:29 /docker/4f1d /sys/fs/cgroup/cpu,cpuacct ro"
        " master:12 - cgroup cgroup rw,cpu,cpuacct\n",
    }
    assert cpu_quota((files | v1(100_000, group="")).get) == 1.0


def test_a_mount_is_found_by_the_names_that_the_kernel_escapes() -> None:
    files = {
        "/proc/self/cgroup": "0::/my group\n",
        "/proc/self/mountinfo": r"30 23 0:26 / /mnt/c\040g rw - cgroup2 cgroup2 rw" + "\n",
        "/mnt/c g/my group/cpu.max": "100000 100000\n",
    }
    assert cpu_quota(files.get) == 1.0


@pytest.mark.parametrize("said", ["", "max", "fast 100000", "100000", "0 100000", "100000 0"])
def test_a_file_that_says_no_quota_sets_none(said: str) -> None:
    assert cpu_quota((V2 | v2(said)).get) == math.inf


@pytest.mark.parametrize("text", ["", "\n", "nonsense", "1 2 - cgroup2", "0:\n-\n - \n"])
def test_files_that_mean_nothing_set_no_quota(text: str) -> None:
    files = {"/proc/self/cgroup": text, "/proc/self/mountinfo": text}
    assert cpu_quota(files.get) == math.inf
