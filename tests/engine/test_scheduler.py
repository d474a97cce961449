from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from engine.scheduler import Decision, RowView, Run, Snapshot, decide, expires_s, is_best_effort

NOW = 10.0


def row(
    id: int,
    deadline_s: float = math.inf,
    stage: str = "block[0]",
    bucket: int = 8,
    lost: bool = False,
    reject: bool = False,
) -> RowView:
    return RowView(id, stage, bucket, deadline_s, expires_s(deadline_s, reject, 10.0), lost, id)


def run(*rows: RowView, max_batch: int = 8, now: float = NOW) -> Decision:
    return decide(Snapshot(rows, max_batch), now)


def test_nothing_to_do() -> None:
    assert run() == Decision(None, ())


def test_the_most_urgent_row_picks_stage_and_bucket() -> None:
    rows = [row(1, 30), row(2, 20, "stem[vqa]"), row(3, 40, "stem[vqa]"), row(4, 15, bucket=16)]
    assert run(*rows).run == Run("block[0]", 16, (4,))
    assert run(*rows[:3]).run == Run("stem[vqa]", 8, (2, 3))


def test_a_batch_is_filled_by_urgency_up_to_its_size() -> None:
    rows = [row(i, 100 - i) for i in range(6)]
    assert run(*rows, max_batch=3).run == Run("block[0]", 8, (5, 4, 3))


def test_first_come_first_served_without_deadlines() -> None:
    assert run(row(2), row(1), row(3), max_batch=2).run == Run("block[0]", 8, (1, 2))


def test_a_passed_deadline_waits_behind_live_ones_until_its_grace() -> None:
    rows = [row(1, 9, "stem[vqa]"), row(2, 50)]
    assert run(*rows).run == Run("block[0]", 8, (2,))
    assert run(rows[0]).run == Run("stem[vqa]", 8, (1,))
    assert run(rows[0], now=19.0) == Decision(None, (1,))


def test_reject_expires_with_its_deadline() -> None:
    assert run(row(1, 9, reject=True), row(2)) == Decision(Run("block[0]", 8, (2,)), (1,))


def test_a_lost_row_waits_behind_rows_without_a_deadline() -> None:
    assert run(row(1, 11, "stem[vqa]", lost=True), row(2)).run == Run("block[0]", 8, (2,))


views = st.lists(
    st.builds(
        RowView,
        id=st.just(0),
        stage=st.sampled_from(["stem[vqa]", "block[0]", "block[1]", "head[vqa]"]),
        bucket=st.sampled_from([0, 8, 16]),
        deadline_s=st.sampled_from([math.inf]) | st.floats(-5, 40),
        expires_s=st.just(0.0),
        lost=st.booleans(),
        sequence=st.just(0),
    ),
    max_size=24,
)


@given(views, st.lists(st.booleans(), min_size=24, max_size=24), st.integers(1, 9))
def test_invariants(rows: list[RowView], rejects: list[bool], max_batch: int) -> None:
    numbered = tuple(
        RowView(
            i,
            r.stage,
            r.bucket,
            r.deadline_s,
            expires_s(r.deadline_s, rejects[i], 10.0),
            r.lost,
            i,
        )
        for i, r in enumerate(rows)
    )
    decision = decide(Snapshot(numbered, max_batch), NOW)
    by_id = {r.id: r for r in numbered}
    assert set(decision.expire) == {r.id for r in numbered if r.expires_s <= NOW}
    waiting = [r for r in numbered if r.id not in decision.expire]
    if decision.run is None:
        assert not waiting
        return
    chosen = [by_id[i] for i in decision.run.rows]
    assert 1 <= len(chosen) <= max_batch
    assert len(set(decision.run.rows)) == len(chosen)
    assert not set(decision.run.rows) & set(decision.expire)
    assert {(r.stage, r.bucket) for r in chosen} == {(decision.run.stage, decision.run.bucket)}
    live = [r for r in waiting if not is_best_effort(r, NOW)]
    if live:
        assert chosen[0] in live
        assert chosen[0].deadline_s == min(r.deadline_s for r in live)
    left = [r for r in waiting if r not in chosen]
    same = [r for r in left if (r.stage, r.bucket) == (decision.run.stage, decision.run.bucket)]
    if any(is_best_effort(r, NOW) for r in chosen):
        assert all(is_best_effort(r, NOW) for r in same)
    if len(chosen) < max_batch:
        assert not same
