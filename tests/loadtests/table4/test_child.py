from __future__ import annotations

from loadtests.table4.child import TaskJob
from loadtests.table4.presets import PassWork


def test_a_job_crosses_to_another_process() -> None:
    job = TaskJob("g", "caption", PassWork(224, 4, 8), ["full", "otmv"], "onnxruntime", 15, 0)
    assert TaskJob.from_json(job.to_json()) == job
