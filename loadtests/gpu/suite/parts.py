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
from loadtests.gpu.suite.run import Part

PARTS = (
    Part("machine", machine.run, share=2, gate=True),
    Part("peak", peak.run, share=3),
    Part("attention", attention.run, share=3),
    Part("table4", table4.run, share=30, least_s=30),
    Part("steps", steps.run, share=28, least_s=30),
    Part("launching", launching.run, share=10, least_s=15),
    Part("compiled", compiled.run, share=24, least_s=40),
    Part("end_to_end", end_to_end.run, share=7),
    Part("simulator", simulator.run, share=10),
    Part("tensorrt", tensorrt.run, share=2),
)
"""Shares are in relation to each other; nine minutes give the first about ten seconds."""
