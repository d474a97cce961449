"""Tuning without servers: trials, journal, failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtests.kit import journal
from loadtests.kit.errors import BenchError
from loadtests.rivals.options import RivalOptions
from loadtests.slo import servers
from loadtests.slo.bench import SloBench
from loadtests.slo.servers import Running
from loadtests.slo.tuning import program as tuning
from loadtests.slo.tuning.search import Tuned, cells_for
from tests.loadtests.slo.fake_load import FAMILY_OF_TINY, RUN, Started, silent


def test_tuning_tries_settings_and_goes_on_where_it_was_stopped(
    started: Started, setup: SloBench
) -> None:
    def tuned(path: Path) -> tuple[dict[tuple[str, str], Tuned], list[dict[str, Any]]]:
        with journal.opened(path, RUN) as kept:
            tunings = tuning.plan_tunings(["mosec"], setup, kept, silent)[:2]
            found = tuning.tune(tunings, setup, kept, silent)
            records = [
                tuning.tuned_record(each, found[each.rival, each.variant], kept) for each in tunings
            ]
            assert "2 searches, at most 30 trials" in tuning.said(tunings, setup, kept)
            return found, records

    path = setup.artifacts / "tuning.jsonl"
    found, records = tuned(path)
    assert list(found) == [("mosec", variant) for variant in FAMILY_OF_TINY[:2]]
    first = len(started)
    assert {batch for name, _, batch in started if name == "mosec"} >= {1, 2, 4, 8}
    assert [record["variant"] for record in records] == FAMILY_OF_TINY[:2]
    assert all(record["trials"][0]["effective"] >= 0 for record in records)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]))
    again, _ = tuned(path)
    assert len(started) == first + 3
    assert list(again) == list(found)


def test_settings_that_do_not_run_lose_and_a_rival_that_does_not_run_is_an_error(
    started: Started, setup: SloBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal.opened(setup.artifacts / "a.jsonl", RUN) as kept:
        tunings = tuning.plan_tunings(["ray"], setup, kept, silent)
        with pytest.raises(BenchError, match="ray: it did not become ready"):
            tuning.tune(tunings, setup, kept, silent)

    usual = servers.rival

    @contextmanager
    def picky(folder: Path, name: str, options: RivalOptions, probe: str) -> Iterator[Running]:
        if options.max_batch == 1:
            raise BenchError("no batch of one")
        with usual(folder, name, options, probe) as server:
            yield server

    monkeypatch.setattr(servers, "rival", picky)
    with journal.opened(setup.artifacts / "b.jsonl", RUN) as kept:
        tunings = tuning.plan_tunings(["mosec"], setup, kept, silent)[:1]
        (found,) = tuning.tune(tunings, setup, kept, silent).values()
        record = tuning.tuned_record(tunings[0], found, kept)
    assert found.settings.max_batch > 1
    failed = [each for each in record["trials"] if each["max_batch"] == 1]
    assert [each["failed"] for each in failed] == ["no batch of one"]
    assert tunings[0].cells == cells_for(1.0)
