from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from artifact.errors import ArtifactError, InvalidManifest, MissingFile
from artifact.manifest import DomainRecord
from models.captions import SpecialTokens
from models.checkpoint import Checkpoint, load, save
from tests.models import tiny

DOMAIN = DomainRecord(about="red things only", words=("red",))


def tokenizer(*words: str) -> Tokenizer:
    return Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    words = tokenizer("<s>", "<pad>", "</s>", "<unk>", "<mask>", "red")
    labels = tuple("abcdefg")
    made = Checkpoint(tiny.model(tiny.config()), words, labels, None, {"step": 3}, DOMAIN)
    save(tmp_path, made)
    return tmp_path


def test_what_was_saved_is_loaded(folder: Path) -> None:
    loaded = load(folder)
    expected = tiny.model(tiny.config()).state_dict()
    assert loaded.model.config == tiny.config()
    assert all(torch.equal(loaded.model.state_dict()[name], t) for name, t in expected.items())
    assert loaded.labels == tuple("abcdefg")
    assert loaded.special == SpecialTokens(bos=0, eos=2, mask=4)
    assert loaded.note == {"step": 3}
    assert loaded.domain == DOMAIN
    assert loaded.sha256 is not None
    assert not loaded.model.training
    assert not list(folder.glob("*.tmp*"))


def test_a_checkpoint_of_an_older_release_has_no_domain(folder: Path) -> None:
    path = folder / "config.json"
    stored = json.loads(path.read_text())
    del stored["domain"]
    path.write_text(json.dumps(stored))
    assert load(folder).domain is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "labels.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingFile, match=name):
        load(folder)


def test_the_fix_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        load(tmp_path / "nowhere")
    assert "\n" not in str(caught.value)
    assert "otmv tune" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", "{"),
        ("config.json", "[]"),
        ("config.json", "{}"),
        ("labels.json", "red"),
        ("labels.json", '["red"]'),
        ("tokenizer.json", "{}"),
        ("tokenizer.json", tokenizer("red", "<unk>").to_str()),
        ("model.safetensors", "not weights"),
    ],
)
def test_broken_files_are_one_line(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(InvalidManifest) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    stored = json.loads((folder / "config.json").read_text())
    stored["model"]["width"] = 32
    (folder / "config.json").write_text(json.dumps(stored))
    with pytest.raises(InvalidManifest):
        load(folder)
