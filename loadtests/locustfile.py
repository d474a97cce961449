"""Locust's entry: users, shapes, thresholds. What each does is in `loadtests/locust`.

Beyond locust's own figures a run ends with attainment per budget class, the share of right answers
per variant (if a world was given), one line per threshold, and a comparison of the server's
`otmv_requests_total` with what was sent. One locust process only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
from locust import constant_throughput, events

from artifact.atomic import write_atomically
from loadtests.locust import page, report
from loadtests.locust.errors import LoadTestError, OptionError
from loadtests.locust.options import LoadOptions, add_options, read_host, read_options
from loadtests.locust.run import LoadRun, RunBasis, measure_basis
from loadtests.locust.schedules import Mix
from loadtests.locust.shapes import Scheduled
from loadtests.locust.thresholds import with_default
from loadtests.locust.users import CaptionUser, MixedUser, OpenLoopUser, ReasonUser, VqaUser

__all__ = ["CaptionUser", "MixedUser", "ReasonUser", "VqaUser"]

_CANNOT_START = 2
_LAST_RESPONSES_S = 30.0
_SUMMARY: list[str] = []
"""What came of the run; locust prints tables of its own between its end and `quit`."""


def prepare(environment: Any, **_: Any) -> None:
    """Read the options, measure what they leave open, and set the shape."""
    try:
        environment.otmv_ground = _ground(environment, read_options(environment.parsed_options))
    except LoadTestError as error:
        print(f"otmv: {error}", file=sys.stderr)
        sys.exit(_CANNOT_START)
    options = environment.otmv_ground.options
    environment.stop_timeout = max(environment.stop_timeout or 0, _LAST_RESPONSES_S)
    if options.shape:
        environment.shape_class = Scheduled()
        environment.shape_class.runner = environment.runner
    elif options.rate_hz:
        users = max(1, environment.parsed_options.num_users or 1)
        for user_class in environment.user_classes:
            user_class.wait_time = constant_throughput(options.rate_hz / users)


def _ground(environment: Any, options: LoadOptions) -> RunBasis:
    classes: list[type[OpenLoopUser]] = environment.user_classes
    if len(classes) != 1:
        raise OptionError(f"name one user class: {', '.join(each.__name__ for each in classes)}")
    environment.host = read_host(environment.host)
    (user,) = classes
    mix = Mix(user.mix, options.classes or user.classes)
    return measure_basis(options, environment.host, user.__name__, mix)


def start(environment: Any, **_: Any) -> None:
    """Begin a run: note the server's counters."""
    environment.otmv = LoadRun(environment.otmv_ground, environment.host)


def finish(environment: Any, **_: Any) -> None:
    """Wait for the last answers, settle the exit code, and keep what is to be said of it."""
    run: LoadRun | None = getattr(environment, "otmv", None)
    if run is None:
        return
    run.open.join(timeout=_LAST_RESPONSES_S)
    bars = [each.bar(run.marks) for each in with_default(run.basis.options.thresholds)]
    found = report.write(run, bars)
    html = environment.parsed_options.html_file
    if html and Path(html).is_file():
        _add_to_page(Path(html), found)
    kept = all(bar.verdict == "ok" for bar in bars)
    agree, counts = _compare_counts(run)
    whole = agree and not environment.runner.exceptions
    environment.process_exit_code = 0 if kept and whole else 1
    _SUMMARY[:] = [*report.lines(run, found), *counts, *(bar.line() for bar in bars)]


def tell(**_: Any) -> None:
    """Print the summary, below locust's own tables."""
    print("\n".join(_SUMMARY))


def _add_to_page(html: Path, found: dict[str, Any]) -> None:
    write_atomically(html, page.insert(html.read_text("utf-8"), page.section(found)))


def _compare_counts(run: LoadRun) -> tuple[bool, list[str]]:
    """Return whether what was sent is what the server counted, and the lines that say so."""
    try:
        counted = run.counted()
    except httpx.HTTPError as error:
        return False, [f"\nsent {run.sent}; the server's count cannot be read: {error!r}"]
    total = sum(counted.values())
    shown = ", ".join(f"{name} {value:.0f}" for name, value in sorted(counted.items()) if value)
    lines = [f"\nsent {run.sent}, counted by the server {total:.0f} ({shown})"]
    if total == run.sent == len(run.marks):
        return True, lines
    ended = len(run.marks)
    return False, [*lines, f"these differ: {run.sent} sent, {ended} ended, {total:.0f} counted"]


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(prepare)
events.test_start.add_listener(start)
events.quitting.add_listener(finish)
events.quit.add_listener(tell)
