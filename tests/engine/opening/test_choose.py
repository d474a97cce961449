from __future__ import annotations

from pathlib import Path

import pytest

from engine.opening.choose import BackendChoice, BackendTrial, Remembered, choose, relative_time


def trial(
    backend: str, time_s: float = 1.0, keys: int = 2, error: str | None = None
) -> BackendTrial:
    seconds = {"vqa full, batch 1": time_s, "vqa full, batch 8": 4 * time_s}
    return BackendTrial(backend, f"{backend} 1.0", error, keys, None if error else seconds)


@pytest.mark.parametrize(
    ("first_s", "second_s", "incumbent", "taken"),
    [
        (1.0, 0.5, None, "b"),
        (1.0, 0.97, None, "a"),
        (1.0, 1.04, "b", "b"),
        (1.0, 1.06, "b", "a"),
        (1.0, 0.96, "a", "a"),
        (1.0, 0.94, "a", "b"),
        (1.0, 0.5, "gone", "b"),
    ],
)
def test_the_fastest_is_taken_and_a_change_needs_five_percent(
    first_s: float, second_s: float, incumbent: str | None, taken: str
) -> None:
    choice = choose([trial("a", first_s), trial("b", second_s)], incumbent)
    assert choice is not None
    assert choice.backend == taken


def test_the_reason_gives_the_ratio_and_says_when_it_was_too_close() -> None:
    clear = choose([trial("a"), trial("b", 0.5)], None)
    assert clear == BackendChoice("b", "b 1.0: 0.50 of the time of a 1.0")
    near = choose([trial("a"), trial("b", 0.97)], None)
    assert near is not None
    assert near.reason == "a 1.0: 1.03 of the time of b 1.0, too close to change"


def test_what_failed_is_named_and_skipped_however_fast() -> None:
    choice = choose([trial("a"), trial("b", 0.1, error="block[0]: relative L2 0.5")], "b")
    skipped = ("b: block[0]: relative L2 0.5",)
    assert choice == BackendChoice("a", "a 1.0: the only one that passed", skipped)
    assert choose([trial("a", error="x"), trial("b", error="y")], None) is None


def test_more_resident_keys_come_before_speed() -> None:
    choice = choose([trial("a", keys=2), trial("b", 0.1, keys=1)], "b")
    assert choice == BackendChoice("a", "a 1.0: the memory budget holds 2 keys, 1 on b")


def test_only_work_both_measured_is_compared() -> None:
    one = BackendTrial("a", seconds={"x": 1.0, "y": 2.0})
    other = BackendTrial("b", seconds={"y": 4.0, "z": 0.1})
    assert relative_time(one, other) == pytest.approx(0.5)
    assert relative_time(one, BackendTrial("c", seconds={})) == 1.0


def test_a_choice_is_remembered(tmp_path: Path) -> None:
    found = Remembered("setting", BackendChoice("b", "why", ("a: broken",)))
    path = tmp_path / "choice.json"
    assert Remembered.read(path) is None
    path.write_text(found.to_json())
    assert Remembered.read(path) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"setting": "s", "choice": {"backend": "b"}}'])
def test_a_broken_memory_is_no_memory(tmp_path: Path, text: str) -> None:
    (tmp_path / "choice.json").write_text(text)
    assert Remembered.read(tmp_path / "choice.json") is None
