"""Ask a running server about a picture under three budgets.

python examples/ask.py picture.jpg "how many objects are there?"
"""

from __future__ import annotations

import sys

from otmv_serve import OtmvClient, OtmvError, RequestBudget, ServerBusy, ServerUnreachable

BUDGETS = {
    "generous": RequestBudget(),
    "middling": RequestBudget(max_latency_ms=30),
    "hopeless": RequestBudget(max_latency_ms=1),
    "hopeless, reject": RequestBudget(max_latency_ms=1, on_miss="reject"),
}


def main(image: str, question: str, url: str = "http://127.0.0.1:8000") -> int:
    """Print one line per budget; return the exit code."""
    with OtmvClient(url) as client:
        for name, budget in BUDGETS.items():
            try:
                found = client.ask(image, question, budget)
            except ServerBusy as error:
                print(f"{name:18} busy: {error}")
            except (OSError, ServerUnreachable) as error:
                print(f"cannot ask: {error}", file=sys.stderr)
                return 1
            except OtmvError as error:
                print(f"{name:18} refused: {error}")
            else:
                total_ms = found.timings_ms["total"]
                why = found.degraded_because
                reason = "" if why is None else f" ({why.reason}: {why.variant} needs "
                reason += "" if why is None else f"{why.predicted_ms} ms, has {why.left_ms} ms)"
                print(f"{name:18} {found.answer:8} {found.variant:8} {total_ms:7.1f} ms{reason}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: ask.py IMAGE QUESTION [URL]")
    sys.exit(main(*sys.argv[1:]))
