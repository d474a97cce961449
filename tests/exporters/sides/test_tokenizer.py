"""The tokenizer that other programs load from an artifact gives the server's ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from artifact.manifest.records import TextRecord
from artifact.preprocess import TextCodec
from artifact.store import open_artifact
from exporters.sides.tokenizer import write_tokenizer
from tuning.tokens import BOS, EOS, MASK, PAD, UNK, world_tokenizer

DEMO = Path(__file__).parents[3] / "examples" / "demo-artifact"
LIMITS = TextRecord(
    bos=0, eos=2, pad=1, unk=3, mask=4, max_question_tokens=24, max_caption_tokens=32
)
TEXTS = (
    "what color is the circle?",
    "  How many  objects are there ?\n",
    "is <s> there a </s> red <mask> circle",
    "zebras, naïve ﬁsh and 12 circles",
)


@pytest.fixture(params=["written", "demo"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "demo":
        return DEMO
    write_tokenizer(tmp_path, world_tokenizer(), LIMITS)
    return tmp_path


def test_a_tokenizer_alone_gives_the_ids_of_the_server(folder: Path) -> None:
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found.encode_special_tokens = True
    codec = TextCodec(world_tokenizer(), LIMITS)
    read = TextCodec.from_file(folder / "tokenizer.json", LIMITS)
    for text in TEXTS:
        ids = codec.encode_question(text)
        assert found.encode(text).ids == read.encode_question(text) == ids
        assert (ids[0], ids[-1]) == (LIMITS.bos, LIMITS.eos)


def test_its_configuration_names_the_special_tokens_and_the_limit(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    named = {kind: config[f"{kind}_token"] for kind in ("bos", "eos", "pad", "unk", "mask")}
    assert named == {"bos": BOS, "eos": EOS, "pad": PAD, "unk": UNK, "mask": MASK}
    assert config["model_max_length"] == LIMITS.max_question_tokens


def test_writing_it_again_changes_nothing(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    write_tokenizer(again, Tokenizer.from_file(str(folder / "tokenizer.json")), LIMITS)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_both_files_of_the_demo_have_checksums() -> None:
    files = open_artifact(DEMO).manifest.files
    assert {"tokenizer.json", "tokenizer_config.json"} <= files.keys()


@pytest.mark.slow
def test_transformers_loads_it(folder: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="pip install transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    codec = TextCodec.from_file(folder / "tokenizer.json", LIMITS)
    for text in TEXTS:
        ids = codec.encode_question(text)
        assert tokenizer(text)["input_ids"] == ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == codec.decode(ids)
    padded = tokenizer(list(TEXTS), padding=True)["input_ids"]
    assert {len(ids) for ids in padded} == {max(map(len, padded))}
    assert padded[0][-1] == LIMITS.pad == tokenizer.pad_token_id
    ends = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.mask_token_id)
    assert ends == (LIMITS.bos, LIMITS.eos, LIMITS.mask)
    assert tokenizer.model_max_length == LIMITS.max_question_tokens
