"""Requests of a made-up run, judged."""

from __future__ import annotations

from loadtests.locust.marks import REJECTED, JudgedReply, RequestMark
from loadtests.locust.schedules import Arrival

FULL, SMALL = JudgedReply("full", 0.9), JudgedReply("d3", 0.7)


REFUSED, BROKEN = JudgedReply(miss=REJECTED), JudgedReply(miss="429 queue-full")


def mark(
    budget: str,
    latency_s: float,
    outcome: JudgedReply = FULL,
    stretch: str = "steady",
    at_s: float = 0.5,
) -> RequestMark:
    deadline_s = None if budget == "patient" else 0.2
    return RequestMark(Arrival(at_s, "vqa", budget, stretch), 0.0, latency_s, deadline_s, outcome)


RUN = [
    mark("hurried", 0.1, SMALL),
    mark("hurried", 0.2),
    mark("hurried", 0.3, stretch="spike", at_s=1.5),
    mark("interactive", 0.1, BROKEN, stretch="spike", at_s=1.6),
    mark("strict", 0.1, REFUSED, stretch="spike", at_s=2.5),
    mark("patient", 9.0),
]
