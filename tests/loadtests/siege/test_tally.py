from __future__ import annotations

from loadtests.siege.tally import LoadFound, Tally

MET, MISSED = b'{"deadline_met":true}', b'{"deadline_met":false}'


def found(tally: Tally) -> LoadFound:
    return tally.found(10.0, 1.0, went_first=True)


def test_an_answer_is_on_time_by_the_clients_clock() -> None:
    tally = Tally(0.2, 1.0)
    tally.sent = 4
    tally.answered(200, MET, 0.2)
    tally.answered(200, MISSED, 0.1)
    tally.answered(200, MISSED, 0.3)
    tally.answered(503, b"", 0.01)
    seen = found(tally)
    assert (seen.on_time, seen.answers, seen.attainment) == (2, 3, 0.5)
    assert seen.ended == {"200": 3, "503": 1}
    assert (seen.sent_hz, seen.answered_hz) == (0.4, 0.3)
    assert seen.refusals_ms["p50_ms"] == 10.0


def test_a_late_answer_that_claims_its_deadline_is_counted() -> None:
    tally = Tally(0.2, 1.0)
    tally.answered(200, MET, 0.201)
    tally.answered(200, MISSED, 0.201)
    tally.answered(504, MET, 0.201)
    assert found(tally).claimed_late == 1


def test_any_answer_past_the_grace_is_counted() -> None:
    tally = Tally(0.2, 1.0)
    tally.answered(200, MISSED, 1.2)
    assert found(tally).past_grace == 0
    tally.answered(200, MISSED, 1.21)
    tally.answered(504, b"", 1.21)
    assert found(tally).past_grace == 2


def test_what_had_no_answer_is_lost() -> None:
    tally = Tally(0.2, 1.0)
    tally.lost()
    assert (found(tally).lost, found(tally).answers) == (1, 0)


def test_nothing_sent_divides_by_nothing() -> None:
    seen = Tally(0.2, 1.0).found(0.0, 0.0, went_first=False)
    assert (seen.attainment, seen.sent_hz, seen.answered_hz) == (0.0, 0.0, 0.0)
    assert LoadFound.from_json(seen.to_json()) == seen
