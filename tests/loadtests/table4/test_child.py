from __future__ import annotations

from loadtests.table4.child import Job
from loadtests.table4.presets import Work


def test_a_job_crosses_to_another_process() -> None:
    job = Job("g", "caption", Work(224, 4, 8), ["full", "otmv"], "onnxruntime", 15, 0)
    assert Job.from_json(job.to_json()) == job
