"""What loads, deadlines and scores are measured against; itself measured at the start of a run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from artifact.store import open_artifact
from loadtests.kit.asking.tasks import WORKLOAD
from loadtests.kit.errors import BenchError
from loadtests.kit.progress import Report
from loadtests.slo import capacity, servers
from loadtests.slo.capacity import Rates, best
from loadtests.slo.client import Send
from loadtests.slo.servers import Running
from loadtests.slo.visits import send_job
from loadtests.slo.workload import bodies

_SOLO_SENDS, _SOLO_APART_S = 21, 0.1
_SOLO_GIVE_UP_S = 10.0


@dataclass(frozen=True)
class Yardstick:
    """The yardstick of one backend, by which ours and the rivals on that library are measured.

    `quality` is per variant, shallow to deep; `rates` what each one's graph reaches, per batch and
    round; `solo_s` the full variant's median latency over HTTP on our idle server.
    """

    artifact: Path
    quality: Mapping[str, float]
    rates: Rates
    solo_s: float
    backend: str = "onnxruntime"

    @property
    def full(self) -> str:
        """The deepest variant."""
        return list(self.quality)[-1]

    @property
    def capacity_hz(self) -> float:
        """What the full variant's graph reaches at its best batch."""
        return best(self.rates[self.full])

    @property
    def smallest_over_full(self) -> float:
        """The smallest variant's capacity over the full one's."""
        return best(self.rates[next(iter(self.quality))]) / self.capacity_hz


def measure_yardstick(
    artifact: Path, cache: Path, seed: int, report: Report, backend: str = "onnxruntime"
) -> Yardstick:
    """Measure capacity and solo time of an artifact's variants.

    Raises:
        BenchError: something that is needed did not work.
    """
    variants = open_artifact(artifact, verify=False).manifest.variants
    deep = sorted(variants, key=lambda variant: len(variant.pattern))
    quality = {v.id: v.quality_of(WORKLOAD.name, "fp32") or 0.0 for v in deep}
    report(f"{backend}: capacity of each variant's graph", 0.0)
    rates = capacity.measure(artifact, backend)
    yardstick = Yardstick(artifact.absolute(), quality, rates, 0.0, backend)
    report(f"{backend}: solo time of the full variant", 0.0)
    with servers.ours(artifact, cache, backend) as server:
        return replace(yardstick, solo_s=_solo_s(server, yardstick, seed))


def _solo_s(server: Running, yardstick: Yardstick, seed: int) -> float:
    """Return the full variant's median latency, one request at a time on an idle server."""
    texts = bodies([{"variant": yardstick.full}], seed)
    apart_s = max(3 / yardstick.capacity_hz, _SOLO_APART_S)
    sends = [Send(index * apart_s, index % len(texts)) for index in range(_SOLO_SENDS)]
    replies = send_job(server, texts, _SOLO_GIVE_UP_S, sends).replies
    if any(reply.status != 200 for reply in replies):
        raise BenchError(f"the server answered {next(r for r in replies if r.status != 200).body}")
    pairs = zip(replies, sends, strict=True)
    return statistics.median(reply.ended_s - send.at_s for reply, send in pairs)
