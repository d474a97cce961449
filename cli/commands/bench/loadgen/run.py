"""One run of LoadGen, and what its own logs say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import mlperf_loadgen as loadgen

from cli.commands.bench.loadgen.system import SentSamples, SystemUnderTest

ScenarioName = Literal["server", "offline", "single-stream"]
ModeName = Literal["performance", "accuracy"]

_SCENARIOS: Mapping[str, Any] = {
    "server": loadgen.TestScenario.Server,
    "offline": loadgen.TestScenario.Offline,
    "single-stream": loadgen.TestScenario.SingleStream,
}
_NS_PER_MS = 1e6
_SHORTEST_NS = 1_000_000
"""LoadGen draws its queries before a run: as many as fit into it if each takes this long."""
SUMMARY = "mlperf_log_summary.txt"
ACCURACY = "mlperf_log_accuracy.json"


@dataclass(frozen=True)
class LoadGenSettings:
    """What LoadGen is told.

    Attributes:
        scenario, mode: see MLPerf's inference rules.
        target_qps: queries per second that it sends (server), or that it expects (offline).
        target_latency_ms: of the 99th percentile (server).
        seconds: how long it sends at least.
        logs: folder of its logs.
    """

    scenario: ScenarioName
    mode: ModeName
    target_qps: float
    target_latency_ms: float
    seconds: float
    logs: Path

    def made(self) -> Any:
        """Return them as LoadGen takes them."""
        made = loadgen.TestSettings()
        modes = loadgen.TestMode
        made.scenario = _SCENARIOS[self.scenario]
        made.mode = modes.AccuracyOnly if self.mode == "accuracy" else modes.PerformanceOnly
        made.server_target_qps = made.offline_expected_qps = self.target_qps
        made.server_target_latency_ns = int(self.target_latency_ms * _NS_PER_MS)
        made.single_stream_expected_latency_ns = _SHORTEST_NS
        made.server_target_latency_percentile = 0.99
        made.min_duration_ms = int(self.seconds * 1e3)
        made.min_query_count = 1
        return made


def run_loadgen(settings: LoadGenSettings, sent: SentSamples) -> Mapping[str, int]:
    """Run LoadGen until it ends; return how many samples had no answer, by why.

    Raises:
        OSError: the folder of logs cannot be written.
    """
    settings.logs.mkdir(parents=True, exist_ok=True)
    (settings.logs / SUMMARY).write_text("")  # LoadGen itself ends the process if it cannot write
    log = loadgen.LogSettings()
    log.log_output.outdir = str(settings.logs)
    log.log_output.copy_summary_to_stdout = False
    log.enable_trace = False
    count = len(sent.bodies)
    server = SystemUnderTest(sent)
    system = loadgen.ConstructSUT(server.issue, server.flush)
    library = loadgen.ConstructQSL(count, count, _nothing_to_load, _nothing_to_load)
    try:
        loadgen.StartTestWithLogSettings(system, library, settings.made(), log)
    finally:
        server.close()
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(system)
    return dict(server.failures)


def _nothing_to_load(indices: object) -> None:
    """Do nothing: every sample is in memory."""


def read_summary(logs: Path) -> dict[str, str]:
    """Return what the summary of a run says, by LoadGen's own names."""
    lines = (line.partition(":") for line in (logs / SUMMARY).read_text("utf-8").splitlines())
    return {name.strip(): value.strip() for name, found, value in lines if found and value.strip()}


def read_answers(logs: Path, count: int) -> list[str | None]:
    """Return the answer to every sample, from the log of an accuracy run; None: it has none."""
    answers: list[str | None] = [None] * count
    for entry in json.loads((logs / ACCURACY).read_text("utf-8")):
        answers[entry["qsl_idx"]] = bytes.fromhex(entry["data"]).decode() or None
    return answers
