"""Scores of made-up captions by COCO's public code, kept beside the tests.

    pip install --no-deps pycocoevalcap==1.2
    python -m tests.artifact.scoring.coco_reference

writes `coco_reference.json` anew. The captions are words separated by blanks already, so that no
tokenizer has a part in it.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")
_WORDS = [*"abcdefghijklm"]


def cases() -> list[dict[str, list[str] | list[list[str]]]]:
    draw = random.Random(0)

    def text(words: int) -> str:
        return " ".join(draw.choice(_WORDS) for _ in range(words))

    made: list[dict[str, list[str] | list[list[str]]]] = []
    for pictures in (2, 3, 8, 20):
        references = [[text(draw.randint(1, 15)) for _ in range(5)] for _ in range(pictures)]
        given = [text(draw.randint(0, 14)) for _ in range(pictures)]
        given[::3] = [texts[0] for texts in references[::3]]
        made.append({"given": given, "references": references})
    return made


def main() -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    scored = []
    for case in cases():
        right = dict(enumerate(case["references"]))
        given = {place: [text] for place, text in enumerate(case["given"])}
        bleu, _ = Bleu(4).compute_score(right, given, verbose=0)
        cider, _ = Cider().compute_score(right, given)
        scored.append({**case, "bleu4": float(bleu[3]), "cider_d": float(cider)})
    FILE.write_text(json.dumps(scored, indent=1) + "\n")


if __name__ == "__main__":
    main()
