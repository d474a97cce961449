"""The worst pictures, many in flight, under the memory limit that docs/operations.md gives."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

from loadtests.kit.asking.cases import load_cases
from loadtests.kit.asking.tasks import WORKLOAD
from loadtests.kit.bars import Bar
from loadtests.kit.processes.serving import ServerProcess
from loadtests.kit.progress import Report
from loadtests.siege.attackers.attack import send
from loadtests.siege.attackers.payloads import json_request, picture_request, post
from loadtests.siege.attackers.pictures import jpeg_scans, png, transparent_palette_png
from loadtests.siege.cgroup import limited
from loadtests.siege.memory_limit import memory_limit_bytes
from loadtests.siege.setup import SiegeSetup

IN_FLIGHT = 24
_ROUNDS = 2
_MAX_BODIES_BYTES, _MAX_PIXELS, _WORKERS = 512 << 20, 40_000_000, 2
_MAX_BODY_BYTES = 20 << 20
_DEMO_BYTES = 60_000_000
"""The demo's stages and open requests."""
_SETTINGS = {
    "max_body_bytes": str(_MAX_BODY_BYTES),
    "max_bodies_bytes": str(_MAX_BODIES_BYTES),
    "max_pixels": str(_MAX_PIXELS),
    "decode_workers": str(_WORKERS),
}
_PADDED_BYTES = 14_000_000


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Send 24 pictures at once, twice, to a server that the kernel limits.

    Raises:
        BenchError: no limit can be set here, or the server did not become ready.
    """
    requests = _requests()
    limit = memory_limit_bytes(
        _DEMO_BYTES, _MAX_BODIES_BYTES, _MAX_BODY_BYTES, _WORKERS, _MAX_PIXELS
    )
    with (
        limited(limit) as group,
        setup.server_under(group.wrapper, **_SETTINGS) as server,
    ):
        statuses = []
        for number in range(_ROUNDS):
            report(f"{IN_FLIGHT} pictures in flight", (number + 1) / (_ROUNDS + 1))
            with ThreadPoolExecutor(IN_FLIGHT) as senders:
                target = [server.host] * IN_FLIGHT, [server.port] * IN_FLIGHT
                statuses += list(senders.map(send, *target, requests))
        answers = _ask(server) == 200
        killed, most_mb = group.killed, group.most_mb
    counts = {str(status): statuses.count(status) for status in sorted(set(statuses))}
    evidence = {"limit_bytes": limit, "most_mb": most_mb, "statuses": counts}
    said = (
        f"cgroup v{group.version}, limit {limit / 1e6:.0f} MB, at most {most_mb:.0f} MB, {counts}"
    )
    deaths = killed + (not answers)
    return [Bar("siege.memory.killed", deaths, 0, False, said, evidence)]


def _ask(server: ServerProcess) -> int:
    case = load_cases(None)[WORKLOAD.name][0]
    body = json.dumps(case.json()).encode()
    return send(server.host, server.port, post(body, "application/json"))


def _requests() -> list[bytes]:
    pictures = [
        png(6324, 16, 0),
        png(6324, 16, 6),
        transparent_palette_png(6324),
        jpeg_scans(6324, 6324, 20),
    ]
    padded = [
        json_request(base64.b64encode(each + b"\0" * (_PADDED_BYTES - len(each))).decode())
        for each in pictures
    ]
    requests = [*map(picture_request, pictures), *padded]
    return requests * (IN_FLIGHT // len(requests))
