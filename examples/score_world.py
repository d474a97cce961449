"""Ask a running server everything a generated world knows, and compare with what it promises.

otmv world world/test --count 100 --seed 777
python examples/score_world.py world/test --variant full --variant d1
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import defaultdict
from pathlib import Path

from rich.progress import track

from otmv_serve import OtmvClient, OtmvError, RequestBudget


def lines(path: Path) -> list[dict[str, str]]:
    """Read a JSON-lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def vqa_accuracy(client: OtmvClient, world: Path, variant: str) -> tuple[float, int]:
    """Return the share of questions answered rightly by one variant, and their number."""
    right = total = 0
    pictures = [
        (image, list(asked))
        for image, asked in itertools.groupby(lines(world / "vqa.jsonl"), lambda r: r["image"])
    ]
    for image, asked in track(pictures, f"vqa {variant}", transient=True):
        questions = [record["question"] for record in asked]
        answers = client.ask_all(world / image, questions, RequestBudget(variant=variant), top_k=1)
        right += sum(a.answer == r["answer"] for a, r in zip(answers, asked, strict=True))
        total += len(asked)
    return right / total, total


def objects_named(client: OtmvClient, world: Path, variant: str) -> tuple[float, int]:
    """Return the share of objects whose color and shape a caption names, and their number."""
    named = total = 0
    for record in track(lines(world / "caption.jsonl"), f"caption {variant}", transient=True):
        caption = client.caption(world / record["image"], RequestBudget(variant=variant)).caption
        wanted = defaultdict(int)
        for phrase in record["objects"]:
            wanted[phrase] += 1
        named += sum(min(count, caption.count(phrase)) for phrase, count in wanted.items())
        total += len(record["objects"])
    return named / total, total


def main() -> int:
    """Print one line per task and variant; return 1 if the server refuses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("world", type=Path, help="folder written by `otmv world`")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--variant", action="append", help="default: every variant")
    options = parser.parse_args()
    with OtmvClient(options.url) as client:
        try:
            offers = client.variants().variants
            chosen = options.variant or list(dict.fromkeys(offer.variant for offer in offers))
            promised = {(o.task, o.variant): o.quality for o in offers}
            for task, score in (("vqa", vqa_accuracy), ("caption", objects_named)):
                for variant in chosen:
                    found, count = score(client, options.world, variant)
                    said = promised.get((task, variant))
                    said_text = "null" if said is None else f"{said:.3f}"
                    print(f"{task:8} {variant:10} {found:.3f} of {count}, promised {said_text}")
        except OtmvError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
