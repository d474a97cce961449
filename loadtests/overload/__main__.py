"""`python -m loadtests.overload rows|spike`: the demo under more load than HTTP can carry.

`--busy N` runs N processes that compute beside the server. Prints figures and BAR lines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from engine.config import default_cache_dir
from loadtests.kit.bars import Bar, any_missed
from loadtests.kit.origin import Origin
from loadtests.kit.processes.busy import busy_processes
from loadtests.kit.processes.child import ROOT, run_child
from loadtests.kit.results import results, results_file, rounded, write_results
from loadtests.overload.judging import Figures, judge_overload, row_bars, spike_bars
from loadtests.rivals.options import PATH
from loadtests.slo import servers
from loadtests.slo.client import Connections, Send, SendJob, Sent, request_bytes
from loadtests.slo.workload import Cell, PlannedRequest, bodies, class_budgets, draw
from loadtests.slo.yardstick import Yardstick, measure_yardstick

_DEMO = ROOT / "examples/demo-artifact"
_LOADS = (0.5, 1.0, 1.5, 2.0)
_GIVE_UP_S = 2.0
_WARM_S = 4.0
_BEFORE_S, _AFTER_S = 4.0, 6.0
_SUSTAINED_S, _CONNECTIONS = 6.0, 8


def _main(words: list[str]) -> int:
    options = _parser().parse_args(words)
    cache = default_cache_dir() / "bench" / "cache"
    yardstick = measure_yardstick(options.artifact, cache, options.seed, lambda what, share: None)
    solo_ms = yardstick.solo_s * 1e3
    print(f"solo {solo_ms:.1f} ms, capacity {yardstick.capacity_hz:.0f}/s", flush=True)
    with servers.ours(options.artifact, cache) as server, busy_processes(options.busy):
        load = _OfferedLoad(server, yardstick, options.seed)
        load.send([(1.0, _WARM_S)])
        part = _rows if options.part == "rows" else _spike
        bars, figures = part(load, options)
    for bar in bars:
        print(bar.line())
    if options.json is not None:
        command = " ".join(("python -m loadtests.overload", *words))
        facts = {"solo_ms": solo_ms, "capacity_hz": yardstick.capacity_hz, "seed": options.seed}
        measured = rounded({name: asdict(each) for name, each in figures.items()})
        write_results(options.json, results(Origin(command), facts, bars, measured))
    return 1 if any_missed(bars) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("rows", "spike"))
    parser.add_argument("--seconds", type=float, default=22.0, help="of each row, or of the spike")
    parser.add_argument(
        "--cv2", type=float, default=1.0, help="burstiness of arrivals (1: Poisson)"
    )
    parser.add_argument("--peak", type=float, default=2.0, help="the spike, over the capacity")
    parser.add_argument("--busy", type=int, default=0, choices=(0, 2), help="processes beside it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--artifact", type=Path, default=_DEMO)
    parser.add_argument("--json", type=results_file, help="write results here")
    return parser


class _OfferedLoad:
    """Sends stretches of load to one server."""

    def __init__(self, server: servers.Running, yardstick: Yardstick, seed: int) -> None:
        self.server, self.yardstick, self._seed = server, yardstick, seed
        self._bodies = bodies(class_budgets(yardstick.solo_s), seed)

    def send(
        self, stretches: list[tuple[float, float]], cv2: float = 1.0
    ) -> tuple[list[PlannedRequest], Sent]:
        """Send stretches of (load, seconds) one behind the other."""
        planned: list[PlannedRequest] = []
        begins_s = 0.0
        for load, seconds in stretches:
            drawn = draw(Cell(load, cv2), self.yardstick.capacity_hz, seconds, self._seed)
            planned += [replace(each, at_s=each.at_s + begins_s) for each in drawn]
            begins_s += seconds
        sends = [each.send for each in planned]
        host, port = self.server.host, self.server.port
        job = SendJob(host, port, PATH, self._bodies, sends, _GIVE_UP_S)
        said = run_child("loadtests.slo.client", [], "the client", given=job.to_json())
        return planned, Sent.from_json(said)

    def sustained_hz(self) -> float:
        """Return what the smallest variant sustains: connections that never wait, no deadlines."""
        variant = next(iter(self.yardstick.quality))
        texts = bodies([{"variant": variant}], self._seed)
        job = SendJob(self.server.host, self.server.port, PATH, texts, [Send(0, 0)], _GIVE_UP_S)
        requests = [request_bytes(job, text) for text in texts]
        return asyncio.run(_closed_loop(job, requests))


async def _closed_loop(job: SendJob, requests: list[bytes]) -> float:
    connections = Connections(job.host, job.port)
    begun_s, done = time.perf_counter(), 0

    async def ask_on(first: int) -> None:
        nonlocal done
        number = first
        while time.perf_counter() - begun_s < _SUSTAINED_S:
            status, _ = await connections.exchange(requests[number % len(requests)])
            done += status == 200
            number += 1

    await asyncio.gather(*(ask_on(each) for each in range(_CONNECTIONS)))
    connections.close()
    return done / (time.perf_counter() - begun_s)


_Found = tuple[list[Bar], dict[str, Figures]]


def _rows(load: _OfferedLoad, options: argparse.Namespace) -> _Found:
    rows = {}
    for each in _LOADS:
        planned, sent = load.send([(each, options.seconds)], options.cv2)
        judged = judge_overload(planned, sent.replies, load.yardstick.solo_s)
        rows[f"{each:g}x"] = Figures.of(judged, options.seconds, load.yardstick.quality)
        _say(f"{each:g}x", rows[f"{each:g}x"], sent)
    return row_bars(rows), rows


def _spike(load: _OfferedLoad, options: argparse.Namespace) -> _Found:
    sustained_hz = load.sustained_hz()
    print(f"sustained by the smallest variant: {sustained_hz:.0f}/s", flush=True)
    stretches = [(0.25, _BEFORE_S), (options.peak, options.seconds), (0.25, _AFTER_S)]
    planned, sent = load.send(stretches, options.cv2)
    judged = judge_overload(planned, sent.replies, load.yardstick.solo_s)
    over_s = _BEFORE_S + options.seconds
    spike = [each for each in judged if _BEFORE_S <= each.at_s < over_s]
    after = [each for each in judged if each.at_s >= over_s + 1.0]
    found = Figures.of(spike, options.seconds, load.yardstick.quality)
    rest = Figures.of(after, _AFTER_S - 1.0, load.yardstick.quality)
    _say("spike", found, sent)
    _say("after", rest, sent)
    bars = spike_bars(found, rest, sustained_hz, options.busy)
    return bars, {"spike": found, "after": rest}


def _say(name: str, found: Figures, sent: Sent) -> None:
    record = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(found).items()}
    print(name, json.dumps(record), f"client {sent.cpu_s / sent.seconds:.2f} cores", flush=True)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
