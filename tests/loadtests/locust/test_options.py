"""The locustfile's options: read once, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import configargparse
import pytest

from loadtests.locust.errors import OptionError
from loadtests.locust.levels import Level
from loadtests.locust.options import LoadOptions, add_options, read_host, read_options


def read(*words: str) -> LoadOptions:
    parser = configargparse.ArgumentParser()
    parser.add_argument("--run-time", default=None)
    add_options(parser)
    return read_options(parser.parse_args(words))


def test_without_options_users_wait_for_their_answers() -> None:
    found = read()
    assert (found.shape, found.requests, found.classes, found.trace) == ("", None, None, None)
    assert (found.solo_ms, found.capacity_hz, found.thresholds) == (25.0, None, [])
    assert not found.needs_capacity
    assert found.record() == {"name": "closed"}


@pytest.mark.parametrize(
    "host", ["http://h:8000", "http://h:8000/", " http://h:8000// ", "https://h/otmv/"]
)
def test_a_host_has_no_slash_at_its_end(host: str) -> None:
    assert read_host(host) == host.strip().rstrip("/")


@pytest.mark.parametrize("host", [None, "", "h:8000", "127.0.0.1:8000", "http://", "http://h?a=b"])
def test_another_host_is_refused(host: str | None) -> None:
    with pytest.raises(OptionError, match="--host"):
        read_host(host)


def test_a_spike_over_a_capacity_to_be_measured() -> None:
    words = ["--shape", "spike", "--seconds", "60", "--peak-seconds", "20", "--solo-ms", "auto"]
    found = read(*words, "--classes", "hurried,strict=2", "--min-attainment", "spike=0.99")
    assert found.needs_capacity
    assert (found.load, found.peak, found.solo_ms) == (Level(0.5, True), Level(3, True), None)
    assert [(p.rate_hz, p.seconds) for p in found.stretches(10.0)] == [(5, 20), (30, 20), (5, 20)]
    assert found.classes == {"hurried": 1, "strict": 2}
    assert [(each.scope, each.limit) for each in found.thresholds] == [("spike", 0.99)]
    assert found.record()["peak"] == "3x"


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["--shape", "steady", "--load", "20"], False),
        (["--shape", "steady"], True),
        (["--shape", "step", "--load", "5", "--peak", "20"], False),
        (["--shape", "step", "--load", "5"], True),
        (["--shape", "replay", "--trace", "t.csv"], False),
    ],
)
def test_capacity_is_needed_only_where_a_load_is_a_multiple_of_it(
    words: list[str], needed: bool
) -> None:
    assert read(*words).needs_capacity is needed


def test_thresholds_of_every_kind_are_read() -> None:
    words = ["--min-attainment", "0.9", "--max-p99-ms", "hurried=80", "--max-error-share", "0.1"]
    found = read(*words, "--min-attainment", "strict=0.5")
    kinds = [(each.kind, each.scope, each.limit) for each in found.thresholds]
    assert kinds == [
        ("attainment", "", 0.9),
        ("attainment", "strict", 0.5),
        ("p99-ms", "hurried", 80),
        ("error-share", "", 0.1),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shape", "spike", "--run-time", "5"], "--run-time"),
        (["--shape", "spike", "--requests", "5"], "--requests"),
        (["--shape", "spike", "--rate", "5"], "--rate"),
        (["--shape", "spike", "--seconds", "10"], "--peak-seconds 20"),
        (["--shape", "step", "--steps", "1"], "--steps 1"),
        (["--shape", "replay"], "--trace"),
        (["--trace", "t.csv"], "--trace"),
        (["--seconds", "0"], "--seconds 0"),
        (["--cv2", "nan"], "--cv2"),
        (["--capacity", "many"], "--capacity many"),
        (["--solo-ms", "-1"], "--solo-ms -1"),
        (["--load", "half"], "--load half"),
        (["--classes", "lazy"], "--classes"),
        (["--min-attainment", "spike=0.9"], "'spike'"),
        (["--shape", "steady", "--max-p99-ms", "spike=9"], "'spike'"),
    ],
)
def test_what_cannot_be_used_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        read(*words)


def test_files_are_paths() -> None:
    found = read("--report", "a.json", "--world", "w", "--shape", "replay", "--trace", "t.csv")
    assert (found.report, found.world, found.trace) == (Path("a.json"), Path("w"), Path("t.csv"))
    assert found.record() == {"name": "replay", "trace": "t.csv"}
