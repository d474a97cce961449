"""Table 4 of the paper: its columns, its numbers, and the same from counters, in PromQL.

Throughput is pictures per busy second of each variant; the table has it over that of `full`.
Pictures count when they are answered, one of a question or caption, two of a statement. Busy
seconds are the time of steps, split evenly over the rows of a step and counted when the request
ends: what the model takes, with the copying of its inputs and outputs and, of captions, the search
for words. Waiting, decoding of pictures, HTTP and the loop between two steps are not in it. A
request that fails or is cancelled leaves its busy seconds, but no pictures.
"""

from __future__ import annotations

from artifact.task import TASKS
from models.comparators.methods import METHODS
from monitoring.promql import Scope
from monitoring.tasks import TITLES

COLUMNS = tuple(TITLES)
"""The tasks in the order of the paper's columns."""

SOURCE = "paper, A100, BEiT-3 Large"
"""What the paper's numbers are of; whether latency or throughput, it does not say."""

RATIO = "otmv:throughput_over_full:ratio"
"""What the recording rules write of the table, from live traffic and from the paper."""

THROUGHPUT = "otmv:throughput:rate5m"
"""Pictures per busy second, as the recording rules write them."""

PAPER_RATIO = f'{RATIO}{{source="paper"}}'
"""The paper's table, as the recording rules hold it."""

IMAGES = "otmv_images_total"
BUSY = "otmv_engine_busy_seconds_total"
STEP_ROWS = "otmv_step_rows"
WORDS = "otmv_caption_tokens_total"

_FULL = 'variant="full"'


def paper_speed(method: str, task: str) -> float | None:
    """Return the paper's speed over full fine-tuning; None where its table has none."""
    speeds = METHODS[method].paper_speeds if method in METHODS else ()
    return dict(zip(COLUMNS, speeds, strict=False)).get(task)


def method_title(variant: str) -> str:
    """Return a method's title; another variant's own name."""
    return METHODS[variant].title if variant in METHODS else variant


def throughput(scope: Scope) -> str:
    """Pictures answered per busy second, by task and variant; those idle are absent."""
    return _per_busy_second(scope, "", "task", "variant")


def throughput_over_full(scope: Scope) -> str:
    """Throughput by task and variant over that of `full`: what Table 4 reports."""
    full = f"({_per_busy_second(scope, _FULL, 'task')} > 0)"
    matched = ", ".join((*scope.by, "task"))
    return f"({throughput(scope)}) / on ({matched}) group_left () {full}"


def pictures(scope: Scope) -> str:
    """Pictures answered in the window by task and variant, as Prometheus estimates them."""
    grown = f"increase({scope.pick(IMAGES)}[{scope.window}])"
    return f"{scope.sum(grown, 'task', 'variant')} > 0"


def rows_per_step(scope: Scope) -> str:
    """Mean rows per step in the window, of all tasks and variants together."""
    total, count = (scope.grown(f"{STEP_ROWS}_{part}") for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


def words_per_caption(scope: Scope) -> str:
    """Words per caption by variant: ratios of captions compare only at the same length."""
    writing = "|".join(task.name for task in TASKS.values() if task.writes)
    captions = scope.grown(IMAGES, "variant", matching=f'task=~"{writing}"')
    return f"{scope.grown(WORDS, 'variant')} / ({captions} > 0)"


def scraped_pictures(task: str, window: str) -> str:
    """The picture counters of a task as they were scraped in the window."""
    return f'{IMAGES}{{task="{task}"}}[{window}]'


def _per_busy_second(scope: Scope, matching: str, *by: str) -> str:
    answered = scope.grown(IMAGES, *by, matching=matching)
    busy = scope.grown(BUSY, *by, matching=matching)
    return f"{answered} / ({busy} > 0)"
