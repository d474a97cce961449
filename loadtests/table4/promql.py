"""Table 4 in PromQL: pictures per busy second of each variant, over those of `full`.

Pictures count when they are answered, one of a question or caption, two of a statement. Busy
seconds are the time of steps, split evenly over the rows of a step and counted when the request
ends: what the model takes, with the copying of its inputs and outputs and, of captions, the search
for words. Waiting, decoding of pictures, HTTP and the loop between two steps are not in it. A
request that fails or is cancelled leaves its busy seconds, but no pictures.
"""

from __future__ import annotations

from loadtests.table4.methods import FULL

IMAGES = "otmv_images_total"
BUSY = "otmv_engine_busy_seconds_total"
STEP_ROWS = "otmv_step_rows"
WORDS = "otmv_caption_tokens_total"


def throughput(window: str, variant: str | None = None) -> str:
    """Return pictures per busy second by task and variant; those idle in the window are absent.

    Args:
        window: a range as PromQL writes it, such as 5m.
        variant: only this one, and then by task.
    """
    by, chosen = ("task, variant", "") if variant is None else ("task", f'{{variant="{variant}"}}')
    images = f"sum by ({by}) (rate({IMAGES}{chosen}[{window}]))"
    return f"{images} / (sum by ({by}) (rate({BUSY}{chosen}[{window}])) > 0)"


def relative(window: str) -> str:
    """Return the table: throughput by task and variant over that of `full` for the same task."""
    full = f"({throughput(window, FULL)} > 0)"
    return f"({throughput(window)}) / on (task) group_left () {full}"


def pictures(window: str) -> str:
    """Return pictures answered in the window by task and variant, as Prometheus estimates them."""
    return f"sum by (task, variant) (increase({IMAGES}[{window}])) > 0"


def rows_per_step(window: str) -> str:
    """Return the mean rows per step in the window, of all tasks and variants together."""
    total, count = (f"sum(rate({STEP_ROWS}_{part}[{window}]))" for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


def words_per_caption(window: str) -> str:
    """Return words per caption by variant: ratios of captions compare only at the same length."""
    captions = f'sum by (variant) (rate({IMAGES}{{task="caption"}}[{window}]))'
    return f"sum by (variant) (rate({WORDS}[{window}])) / ({captions} > 0)"


def samples(task: str, window: str) -> str:
    """Return the picture counters of a task as they were scraped in the window."""
    return f'{IMAGES}{{task="{task}"}}[{window}]'
