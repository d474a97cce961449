"""The process has no memory left."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from loadtests.kit.asking.forms import CONTENT_TYPE, encode_form
from tests.e2e.demo_copies import DEMO
from tests.e2e.http_load import Post
from tests.e2e.questions import answers, question, send
from tests.e2e.server_numbers import resident_bytes
from tests.e2e.timed_start import READY_S, timed
from tests.server.kit.live_server import LiveServer, run_otmv, serving

pytestmark = pytest.mark.e2e

MIB = 2**20


def big_body(mib: int) -> bytes:
    """A whole form that is no picture, `mib` MiB long."""
    return encode_form(b"\xff\xd8" + bytes(mib * MIB), {"question": "q?"})


def hold(server: LiveServer, count: int, mib: int) -> list[socket.socket]:
    """Let clients send all of a large body but its end; the server holds what it takes."""
    body = big_body(mib)
    head = Post("/v1/vqa", CONTENT_TYPE, body).encode("big")[:-64]
    held = []
    for _ in range(count):
        with suppress(OSError):  # refused and closed, or the server is gone
            connection = socket.create_connection(server.address, timeout=20)
            held.append(connection)
            connection.sendall(head)
    return held


def test_without_memory_requests_fail_and_the_server_goes_on(cache: Path) -> None:
    """The address space is limited, so allocations fail, as under `ulimit -v`."""
    settings = {"OTMV_MAX_BODIES_BYTES": "4GiB", "MALLOC_ARENA_MAX": "1"}
    with serving(DEMO, cache, **settings) as server:
        assert answers(server)
        pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[0]
        limit_bytes = int(pages) * os.sysconf("SC_PAGE_SIZE") + 48 * MIB
        no_limit = resource.RLIM_INFINITY
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (limit_bytes, no_limit))
        held = hold(server, 12, 16)
        told = [status for connection in held if (status := status_of(connection))]
        print(f"{len(told)} of {len(held)} were told {set(told)}")
        assert set(told) == {503}
        for connection in held:
            connection.close()
        assert server.process.poll() is None
        assert answers(server)
        assert server.stop() == 0


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A memory control group of our own, where this user may make one."""
    for base, files in (
        (Path("/sys/fs/cgroup/memory"), ("memory.limit_in_bytes", "memory.usage_in_bytes")),
        (Path("/sys/fs/cgroup"), ("memory.max", "memory.current")),
    ):
        group = base / f"otmv-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if all((group / name).is_file() for name in files):
            yield group
            group.rmdir()
            return
        group.rmdir()
    pytest.skip("this user may not make a memory control group (be root, outside a container)")


def limit(group: Path, count: int) -> None:
    name = "memory.limit_in_bytes" if (group / "memory.limit_in_bytes").is_file() else "memory.max"
    (group / name).write_text(str(count))


def inside(group: Path) -> tuple[str, ...]:
    return ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")


def test_under_a_memory_limit_bodies_are_refused_before_it_is_hit(
    cache: Path, memory_group: Path
) -> None:
    with serving(DEMO, cache, inside(memory_group), OTMV_MAX_BODIES_BYTES="20MiB") as server:
        limit(memory_group, resident_bytes(server) + 96 * MIB)
        held = hold(server, 40, 8)
        told = [status for connection in held if (status := status_of(connection))]
        assert set(told) == {429}
        assert len(told) >= 30
        assert send(server, question()).status_code in (200, 429)
        for connection in held:
            connection.close()
        assert answers(server)
        assert server.stop() == 0


def status_of(connection: socket.socket) -> int | None:
    """Return the status that was sent so far, if any."""
    connection.settimeout(0.5)
    try:
        head = connection.recv(12)
    except OSError:
        return None
    return int(head[9:]) if head else None


def test_after_the_kernel_killed_it_for_memory_the_next_one_is_ready_in_seconds(
    cache: Path, memory_group: Path
) -> None:
    with serving(DEMO, cache, inside(memory_group), OTMV_MAX_BODIES_BYTES="4GiB") as server:
        limit(memory_group, resident_bytes(server) + 64 * MIB)
        held = hold(server, 40, 8)
        assert server.wait() == -signal.SIGKILL
        for connection in held:
            connection.close()
    with timed(cache) as (server, took_s):
        assert took_s < READY_S
        assert answers(server)


def test_a_budget_too_small_is_said_at_the_start_and_a_small_one_at_each_request(
    cache: Path,
) -> None:
    command = ("serve", DEMO, "--port", 0, "--cache-dir", cache, "--memory-budget")
    needs_bytes = 2**20
    for _ in range(2):  # how large the workspace is shows when a key block is loaded
        code, _, errors = run_otmv(*command, needs_bytes)
        assert code == 1
        needs_bytes = int(float(errors.split("it needs at least ")[1].split(" MB")[0]) * 1.05e6)
    with serving(DEMO, cache, OTMV_MEMORY_BUDGET=str(needs_bytes)) as server:
        offers = httpx.get(f"{server.url}/v1/variants").json()["variants"]
        gone = next(offer["variant"] for offer in offers if not offer["resident"])
        refused = send(server, question(variant=gone))
        assert refused.status_code == 422
        assert refused.json()["nearest_offer"]["variant"] != gone
        assert answers(server)
