from __future__ import annotations

from loadtests.kit.asking.answers import requests_by_outcome


def test_counters_are_summed_per_outcome() -> None:
    page = (
        "# HELP otmv_requests_total Requests.\n"
        'otmv_requests_total{outcome="ok",task="vqa",variant="full"} 5.0\n'
        'otmv_requests_total{outcome="ok",task="caption",variant="d2"} 2.0\n'
        'otmv_requests_total{outcome="late",task="vqa",variant="d2"} 1.0\n'
        'otmv_shed_total{reason="front_busy"} 3.0\n'
        'otmv_shed_total{reason="deadline"} 9.0\n'  # the engine's: counted as an outcome too
        'otmv_requests_created{outcome="ok",task="vqa",variant="full"} 1.7e9\n'
    )
    assert requests_by_outcome(page) == {"ok": 7.0, "late": 1.0, "front_busy": 3.0}
