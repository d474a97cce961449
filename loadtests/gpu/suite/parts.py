"""The suite's parts, in the order they run, with their shares of the time."""

from __future__ import annotations

from loadtests.gpu.parts import (
    attention,
    compiled,
    end_to_end,
    launching,
    machine,
    peak,
    simulator,
    steps,
    table4,
    tensorrt,
)
from loadtests.gpu.suite.run import SuitePart

PARTS = (
    SuitePart("machine", machine.run, share=2, gate=True),
    SuitePart("peak", peak.run, share=3),
    SuitePart("attention", attention.run, share=3),
    SuitePart("table4", table4.run, share=30, least_s=30),
    SuitePart("steps", steps.run, share=28, least_s=30),
    SuitePart("launching", launching.run, share=10, least_s=15),
    SuitePart("compiled", compiled.run, share=24, least_s=40),
    SuitePart("end_to_end", end_to_end.run, share=7),
    SuitePart("simulator", simulator.run, share=10),
    SuitePart("tensorrt", tensorrt.run, share=2),
)
"""Shares are in relation to each other; nine minutes give the first about ten seconds."""
