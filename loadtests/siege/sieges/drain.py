"""SIGTERM while bombs are being decoded: the server ends within its drain limit and a second."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from loadtests.kit.bars import Bar
from loadtests.kit.progress import Report
from loadtests.siege.attackers.attack import send
from loadtests.siege.attackers.payloads import picture_request
from loadtests.siege.attackers.pictures import jpeg_scans
from loadtests.siege.setup import SiegeSetup

_DRAIN_S = 2.0
_BOMBS = 2
_UNDER_WAY_S = 0.5
_LIMIT_S = 60.0


def run(setup: SiegeSetup, report: Report) -> list[Bar]:
    """Stop a server with two bombs open.

    Raises:
        BenchError: it did not become ready.
    """
    bomb = picture_request(jpeg_scans(4096, 4096, 90))
    with ThreadPoolExecutor(_BOMBS) as senders:
        with setup.server(drain_timeout_s=str(_DRAIN_S)) as server:
            report("two bombs open", 0.5)
            ends = [senders.submit(send, server.host, server.port, bomb) for _ in range(_BOMBS)]
            time.sleep(_UNDER_WAY_S)
            open_bombs = sum(not end.done() for end in ends)
            begun_s = time.monotonic()
            server.process.terminate()
            code = server.process.wait(_LIMIT_S)
            took_s = time.monotonic() - begun_s
        statuses = [end.result() for end in ends]
    evidence = {"open": open_bombs, "exit_code": code, "statuses": statuses, "took_s": took_s}
    said = f"drain limit {_DRAIN_S:g} s, {open_bombs} bombs open, exit code {code}"
    over_s = max(0.0, took_s - _DRAIN_S)
    return [Bar("siege.drain.seconds-over-limit", over_s, 1.0, False, said, evidence)]
