"""What a model knows: a line about its data, and the words it has read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from artifact.manifest import DomainRecord, Manifest
from artifact.store import open_artifact
from tuning.world.vocabulary import DOMAIN

DEMO = Path(__file__).parents[2] / "examples" / "demo-artifact"
KNOWN = DomainRecord(about="shapes only", words=("is", "red", "there"))


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("is there red?", []),
        ("Is THERE Red", []),
        ("\uff52\uff45\uff44", []),  # full-width letters, as the tokenizer folds them
        ("is there a person, a cat or a person?", ["a", "person", "cat", "or"]),
        ("?!", []),
    ],
)
def test_words_that_were_never_read_are_found(text: str, unknown: list[str]) -> None:
    assert KNOWN.unknown(text) == unknown


def test_without_a_list_no_word_is_unknown() -> None:
    open_ended = DomainRecord(about="photographs")
    assert open_ended.unknown("is there a cat?") == []
    assert (open_ended.line, KNOWN.line) == ("photographs", "shapes only (3 words known)")


@pytest.mark.parametrize("words", [("b", "a"), ("a", "a"), ("A",)])
def test_words_are_listed_in_one_way(words: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="ascend"):
        DomainRecord(about="x", words=words)


def test_the_demo_says_what_it_knows() -> None:
    """Its words are those of its tokenizer, and of the world that is generated today."""
    artifact = open_artifact(DEMO, verify=False)
    assert artifact.manifest.domain == DOMAIN
    tokenizer = json.loads(artifact.path(artifact.manifest.tokenizer).read_text())
    vocabulary = tokenizer["model"]["vocab"]
    assert set(DOMAIN.words) == {word for word in vocabulary if word.isalpha()}
    assert DOMAIN.unknown("how many objects are there?") == []
    assert DOMAIN.unknown("is there a person?") == ["person"]


def test_a_manifest_without_it_is_read() -> None:
    document = json.loads((DEMO / "manifest.json").read_text())
    del document["domain"]
    assert Manifest.model_validate(document).domain is None
