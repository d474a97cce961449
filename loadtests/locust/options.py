"""The options of the locustfile, read once, before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtests.kit.errors import BenchError
from loadtests.kit.results import check_place
from loadtests.locust import levels
from loadtests.locust.budgets import read_weights
from loadtests.locust.errors import OptionError, read_positive
from loadtests.locust.levels import Level, Stretch, read_level
from loadtests.locust.schedules import REPLAY
from loadtests.locust.thresholds import OPTIONS, Threshold, check_scopes, read_threshold

SHAPES = ("steady", "step", "spike", REPLAY)
AUTO = "auto"
CLOSED = "closed"
"""The stretch of requests that no shape drives: each user waits for its answer."""


@dataclass(frozen=True)
class LoadOptions:
    """What was asked for. None of `capacity_hz` and `solo_ms` means to measure it first."""

    world: Path | None
    requests: int | None
    rate_hz: float
    seed: int
    classes: Mapping[str, float] | None
    solo_ms: float | None
    shape: str
    load: Level
    peak: Level
    capacity_hz: float | None
    sizing_seconds: float
    seconds: float
    peak_seconds: float
    steps: int
    cv2: float
    trace: Path | None
    thresholds: Sequence[Threshold]
    report: Path | None

    @property
    def needs_capacity(self) -> bool:
        """Whether the shape's load is a multiple of the capacity."""
        shaped = self.shape in ("steady", "step", "spike")
        peaked = self.shape in ("step", "spike") and self.peak.of_capacity
        return shaped and (self.load.of_capacity or peaked)

    def stretches(self, capacity_hz: float) -> list[Stretch]:
        """Return the stretches of a shape that is not a replay.

        Raises:
            OptionError: the lengths or steps do not fit.
        """
        rate_hz, peak_hz = self.load.rate_hz(capacity_hz), self.peak.rate_hz(capacity_hz)
        if self.shape == "steady":
            return levels.steady(rate_hz, self.seconds)
        if self.shape == "step":
            return levels.step(rate_hz, peak_hz, self.seconds, self.steps)
        return levels.spike(rate_hz, peak_hz, self.seconds, self.peak_seconds)

    def record(self) -> dict[str, Any]:
        """Return what the results file holds of the shape."""
        if self.shape == "":
            return {"name": CLOSED}
        if self.shape == REPLAY:
            return {"name": REPLAY, "trace": str(self.trace)}
        found: dict[str, Any] = {"name": self.shape, "load": str(self.load)}
        if self.shape != "steady":
            found["peak"] = str(self.peak)
        return {**found, "seconds": self.seconds, "cv2": self.cv2}


def add_options(parser: Any) -> None:
    """Add them to locust's own."""
    group = parser.add_argument_group("otmv")
    add = group.add_argument
    add("--world", env_var="OTMV_WORLD", default="", help="folder of `otmv world`")
    add("--requests", type=int, default=0, help="send exactly this many, then stop")
    add("--rate", type=float, default=0.0, help="requests per second, all users")
    add("--seed", type=int, default=0, help="draws cases, classes and arrivals")
    add("--classes", default="", help="budget classes by weight: hurried=2,strict=1")
    add("--solo-ms", default="25", help="unit of the deadlines, or auto: measure it first")
    add("--shape", default="", choices=("", *SHAPES), help="open loop over time; one user class")
    add("--load", default="0.5x", help="requests per second, or a multiple of the capacity")
    add("--peak", default="3x", help="the same, at the end of step and in spike")
    add("--capacity", default=AUTO, help="requests per second, or auto: measure it first")
    add("--sizing-seconds", type=float, default=3.0, help="measure capacity three times so long")
    add("--seconds", type=float, default=60.0, help="length of the shape")
    add("--peak-seconds", type=float, default=20.0, help="length of the spike in it")
    add("--steps", type=int, default=5, help="steps of step")
    add("--cv2", type=float, default=1.0, help="burstiness of arrivals; 1 is Poisson")
    add("--trace", default="", help="for replay: CSV of offset_s,task,class")
    for kind, option in OPTIONS.items():
        text = f"threshold on {kind}: LIMIT, CLASS=LIMIT or STRETCH=LIMIT; may be repeated"
        add(option, action="append", default=[], help=text)
    add("--report", default="", help="write the results here, as JSON")


def read_host(text: str | None) -> str:
    """Return the server's address without a slash at its end, which locust would double.

    Raises:
        OptionError: it is missing, or no address.
    """
    host = (text or "").strip()
    if not host:
        raise OptionError("--host is missing: -H http://127.0.0.1:8000")
    address = urlsplit(host)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise OptionError(f"--host {host}: write it like http://127.0.0.1:8000")
    if address.query or address.fragment:
        raise OptionError(f"--host {host}: has a query; leave it out")
    return host.rstrip("/")


def read_options(parsed: Any) -> LoadOptions:
    """Check what the command line says.

    Raises:
        OptionError: something cannot be used.
    """
    thresholds = [
        read_threshold(kind, text)
        for kind, option in OPTIONS.items()
        for text in getattr(parsed, option.removeprefix("--").replace("-", "_"))
    ]
    found = LoadOptions(
        world=Path(parsed.world) if parsed.world else None,
        requests=parsed.requests or None,
        rate_hz=parsed.rate,
        seed=parsed.seed,
        classes=read_weights(parsed.classes) if parsed.classes else None,
        solo_ms=_number_or_auto("--solo-ms", parsed.solo_ms),
        shape=parsed.shape,
        load=read_level("--load", parsed.load),
        peak=read_level("--peak", parsed.peak),
        capacity_hz=_number_or_auto("--capacity", parsed.capacity),
        sizing_seconds=parsed.sizing_seconds,
        seconds=parsed.seconds,
        peak_seconds=parsed.peak_seconds,
        steps=parsed.steps,
        cv2=parsed.cv2,
        trace=Path(parsed.trace) if parsed.trace else None,
        thresholds=thresholds,
        report=_report(parsed.report),
    )
    _check(found, bool(parsed.run_time))
    return found


def _report(text: str) -> Path | None:
    if not text:
        return None
    try:
        check_place(Path(text))
    except BenchError as error:
        raise OptionError(str(error)) from error
    return Path(text)


def _check(options: LoadOptions, timed: bool) -> None:
    positive = {
        "--sizing-seconds": options.sizing_seconds,
        "--seconds": options.seconds,
        "--peak-seconds": options.peak_seconds,
        "--cv2": options.cv2,
    }
    for name, value in positive.items():
        if not 0 < value < math.inf:
            raise OptionError(f"{name} {value:g}: must be above 0")
    if options.shape and (timed or options.requests or options.rate_hz):
        raise OptionError("--run-time, --requests and --rate have no part in --shape: --seconds")
    if (options.shape == REPLAY) != (options.trace is not None):
        raise OptionError("--shape replay and --trace FILE belong together")
    if options.shape == REPLAY:
        names = [REPLAY]
    elif options.shape:
        names = [stretch.name for stretch in options.stretches(1.0)]
    else:
        names = [CLOSED]
    check_scopes(options.thresholds, names)


def _number_or_auto(option: str, text: str) -> float | None:
    if text == AUTO:
        return None
    return read_positive(text, f"{option} {text}: write a number above 0, or {AUTO}")
