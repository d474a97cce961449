"""Finding pictures by their captions, and captions by their picture: R@1, R@5 and R@10 both ways.

The rule is that of VSE++ (Faghri et al., 2018; `i2t` and `t2i` of its evaluation.py), which BEiT-3,
BLIP and the tables of COCO and Flickr30k follow: every caption is a query of its own and has one
right picture; every picture is one query, and has found its text if any of its captions is among
the k best.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artifact.scoring.retrieval import ranks, shares_within
from artifact.task import EMBED
from cli.commands.eval.subjects import Shown, Subject, Vectors
from cli.commands.eval.tasks.contract import NO_WORDS, JudgedTask, Scores, no_groups, number_of
from tuning.data.example import DataExample
from tuning.data.problems import BadRecord, DataError

MOST_VECTORS = 1_000_000
"""Of all pictures, captions and variants: 3 GB at a width of 768."""


@dataclass(frozen=True)
class PairVectors:
    """A variant's vectors of one example.

    Attributes:
        picture: `[1, width]`.
        captions: `[captions, width]`.
    """

    picture: Vectors
    captions: Vectors


@dataclass(frozen=True)
class PairRanks:
    """Where, from 1, a variant has found what belongs together in one example.

    Attributes:
        caption: the first of the picture's captions, among all captions.
        pictures: the picture, among all pictures, by each caption of the example.
    """

    caption: int
    pictures: tuple[int, ...]


def _texts(example: DataExample) -> Sequence[str]:
    if example.answers:
        return example.answers
    raise BadRecord(NO_WORDS if example.tokens else "has no caption: take the record out")


def _ask(subject: Subject, variant: str, shown: Sequence[Shown]) -> list[PairVectors | None]:
    seen = subject.picture_vectors(variant, shown)
    read = subject.text_vectors(variant, [each.example.answers for each in shown])
    pairs = zip(seen, read, strict=True)
    return [None if p is None or c is None else PairVectors(p, c) for p, c in pairs]


def _settled(
    examples: Sequence[DataExample], answers: Sequence[PairVectors | None]
) -> list[PairRanks | None]:
    """Rank all by all. A picture that several examples name is one picture."""
    pairs = [(e, found) for e, found in zip(examples, answers, strict=True) if found is not None]
    if not pairs:
        return [None] * len(answers)
    first = {example.pictures[0]: found.picture for example, found in reversed(pairs)}
    place = {name: at for at, name in enumerate(first)}
    owner = [place[each.pictures[0]] for each, found in pairs for _ in found.captions]
    own: list[list[int]] = [[] for _ in place]
    for text, picture in enumerate(owner):
        own[picture].append(text)
    pictures = np.concatenate(list(first.values()))
    captions = np.concatenate([found.captions for _, found in pairs])
    by_picture = ranks(pictures, captions, own).tolist()
    by_caption = iter(ranks(captions, pictures, [[each] for each in owner]).tolist())
    return [
        None
        if found is None
        else PairRanks(
            by_picture[place[example.pictures[0]]], tuple(next(by_caption) for _ in found.captions)
        )
        for example, found in zip(examples, answers, strict=True)
    ]


def _scores(examples: Sequence[DataExample], answers: Sequence[PairRanks]) -> Scores:
    found = {e.pictures[0]: each.caption for e, each in zip(examples, answers, strict=True)}
    ways = {
        "text to picture": [rank for each in answers for rank in each.pictures],
        "picture to text": list(found.values()),
    }
    return {
        f"{way} R@{depth}": share
        for way, of_way in ways.items()
        for depth, share in shares_within(np.array(of_way)).items()
    }


def _results(examples: Sequence[DataExample], answers: Sequence[PairRanks | None]) -> str:
    """Return every rank; no public evaluation takes a file."""
    rows = []
    for example, found in zip(examples, answers, strict=True):
        pictures = found.pictures if found else [None] * len(example.answers)
        captions = zip(example.answers, pictures, strict=True)
        rows.append(
            {
                "image_id": number_of(example.id),
                "caption_rank": found.caption if found else None,
                "captions": [{"caption": text, "picture_rank": rank} for text, rank in captions],
            }
        )
    return json.dumps(rows, indent=1)


def read_vectors(body: Any) -> tuple[Vectors, list[str]]:
    """Return the vectors of a server's answer, `[answers, width]`, and the space of each."""
    answers = body["answers"]
    packed = [base64.b64decode(each["embedding"]) for each in answers]
    return (
        np.stack([np.frombuffer(each, "<f4") for each in packed]).astype(np.float32),
        [str(each["vector_space"]) for each in answers],
    )


def _note(examples: Sequence[DataExample]) -> str:
    pictures = len({each.pictures[0] for each in examples})
    captions = sum(len(each.answers) for each in examples)
    return f"among {pictures:,} pictures and {captions:,} captions; fewer are easier to find"


def _check(examples: Iterable[DataExample], variants: int) -> None:
    vectors = variants * sum(1 + len(each.answers) for each in examples)
    if vectors > MOST_VECTORS:
        raise DataError(
            f"{vectors:,} vectors of pictures and captions in {variants} variants are more than "
            f"the {MOST_VECTORS:,} that are kept in memory",
            "measure fewer pictures (--limit) or variants (--variants, --patterns)",
        )


JUDGED = JudgedTask(
    model_task=EMBED,
    texts=_texts,
    ask=_ask,
    scores=_scores,
    groups=no_groups,
    results=_results,
    suffix="ranks.json",
    read=read_vectors,
    note=_note,
    settled=_settled,
    check=_check,
)
