from __future__ import annotations

from engine.elastic.correction import CaptionLength, Correction


def test_the_correction_waits_for_evidence_then_takes_the_quantile() -> None:
    correction = Correction()
    for number in range(7):
        correction.add(2.0, now=number)
    assert correction.high == 1.0
    for number in range(7, 100):
        correction.add(2.0 if number % 5 else 3.0, now=number)
    assert (correction.middle, correction.high) == (2.0, 3.0)


def test_old_evidence_is_forgotten() -> None:
    correction = Correction()
    for _ in range(50):
        correction.add(8.0, now=0.0)
    assert correction.high == 8.0
    correction.refresh(now=1000.0)
    assert correction.high == 1.0


def test_one_wild_request_does_not_move_it() -> None:
    correction = Correction()
    for number in range(50):
        correction.add(1e9 if number == 7 else 1.0, now=0.0)
    assert correction.high == 1.0


def test_caption_length_is_learned() -> None:
    length = CaptionLength(limit=30)
    assert length.expected == 30
    for number in range(100):
        length.add(5 if number % 20 else 12)
    assert length.expected == 5
