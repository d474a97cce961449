"""`otmv adapter`: folders of peft become adapters, adapters go into weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from artifact.adapters.folder import read_adapter, write_adapter
from artifact.adapters.record import AdaptedBase, VariantQuality
from artifact.store import open_artifact
from artifact.task import VQA
from cli.main import build
from engine.opening.open import open_solo
from exporters.export import ExportOptions, export
from models.adapters.forms import make_form
from models.adapters.loaded import TunedAdapter, adapted, as_record
from models.checkpoint import Checkpoint, load, save
from models.series import OtmvModel
from tests.engine.answers.solo_answers import vqa_logits
from tuning.recipe import demo_config
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS, DOMAIN

WIDTH = 32
DEPTHS = ((0,), (0, 1, 2, 3))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a checkpoint of one task, 4 orders on 2 keys, every number of it random."""
    torch.manual_seed(11)
    config = demo_config("tiny", keys=2, width=WIDTH, heads=2)
    own = {"key_of_order": (0, 0, 1, 1), "tasks": (VQA.name,)}
    model = OtmvModel(dataclasses.replace(config, **own)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    folder = tmp_path_factory.mktemp("base") / "tiny"
    save(folder, Checkpoint(model, world_tokenizer(), ANSWERS, None, {}, DOMAIN))
    return folder


def write(base: Path, folder: Path, kind: str, **settings: object) -> Path:
    """Write a random adapter of a checkpoint."""
    checkpoint = load(base)
    torch.manual_seed(13)
    module = make_form(kind, settings).module(checkpoint.model)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape))
    named = AdaptedBase(name="tiny", checkpoint_sha256=checkpoint.sha256)
    said = TunedAdapter(folder.name, kind, named, (VQA.name,), note={"recipe": "by chance"})
    variants = tuple(
        VariantQuality(
            variant="full" if len(executed) > 1 else "d1",
            pattern=executed,
            quality={VQA.name: {"fp32": 0.25 * len(executed)}},
        )
        for executed in DEPTHS
    )
    measured = {"variants": variants, "quality_source": "measured: 8 questions"}
    write_adapter(folder, *as_record(said, module, checkpoint.model, **measured))
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    words = ["adapter", *map(str, arguments)]
    result = CliRunner().invoke(build(words), words, env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


@torch.inference_mode()
def answers(model: OtmvModel, executed: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (3, 64, 64, 3), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(5, 60, (3, 7), generator=generator)
    return model.answer(VQA, pixels, tokens, None, executed)


def far(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def test_merged_and_folded_checkpoints_compute_what_the_adapted_one_does(
    base: Path, tmp_path: Path
) -> None:
    made = {
        "merge": write(base, tmp_path / "lora", "lora", share="key", rank=4),
        "fold": write(base, tmp_path / "link", "adalink", rank=4),
    }
    for command, folder in made.items():
        out = tmp_path / command
        code, shown, said = run(command, folder, base, "--out", out)
        assert (code, shown) == (0, "")
        assert f"made: {out}  (a plain checkpoint, {folder.name} in its weights)" in said
        found, wanted = load(out), adapted(load(base), read_adapter(folder))
        assert far(answers(found.model), answers(wanted.model)) < 1e-5
        assert far(answers(found.model), answers(load(base).model)) > 1e-3
        assert found.note["adapter"] == folder.name


@pytest.mark.slow
def test_an_artifact_with_an_adapter_in_its_weights(base: Path, tmp_path: Path) -> None:
    """Ten seconds: two artifacts are traced."""
    options = ExportOptions(whole="none", depths=(1, 4))
    export(load(base), tmp_path / "plain", None, options, lambda what, share: None)
    folder = write(base, tmp_path / "pets", "lora", share="key", rank=4)
    code, _, said = run("merge", folder, tmp_path / "plain", "--out", tmp_path / "pets-plain")
    assert code == 0, said
    made = open_artifact(tmp_path / "pets-plain")
    assert [each.id for each in made.manifest.variants] == ["d1", "full"]
    assert made.manifest.variants[0].quality_of(VQA.name, "fp32") == 0.25
    assert made.manifest.variants[1].quality_source == "measured: 8 questions"
    wanted = adapted(load(base), read_adapter(folder)).model
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    tokens = [[0, 7, 8, 2], [0, 9, 10, 2]]
    found = vqa_logits(open_solo(made, max_batch=2), "full", list(pixels.numpy()), tokens)
    with torch.inference_mode():
        reference = wanted.answer(VQA, pixels, torch.tensor(tokens), None, DEPTHS[1])
    assert far(torch.from_numpy(found), reference) < 1e-5


def test_inspect_shows_places_and_quality_in_80_columns(base: Path, tmp_path: Path) -> None:
    folder = write(base, tmp_path / "pets", "serial", width=3)
    code, shown, _ = run("inspect", folder)
    assert code == 0
    for word in ("serial", "block.ffn_output", "gelu_tanh", "0.2500", "1.0000", "by chance"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 80


def peft_folder(folder: Path, **config: object) -> Path:
    folder.mkdir()
    said = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **config}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    module = "base_model.model.keys.0.out.1"
    save_file(
        {
            f"{module}.lora_A.weight": torch.randn(2, WIDTH),
            f"{module}.lora_B.weight": torch.randn(WIDTH, 2),
            "base_model.model.heads.vqa.answers.weight": torch.randn(2, 2 * WIDTH),
            "base_model.model.heads.vqa.answers.bias": torch.randn(2),
        },
        folder / "adapter_model.safetensors",
    )
    return folder


def test_a_folder_of_peft_s_becomes_an_adapter(base: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('["cat", "dog"]')
    folder, out = peft_folder(tmp_path / "peft"), tmp_path / "pets"
    labels = ("--labels", tmp_path / "labels.json")
    code, shown, said = run("import", folder, base, "--task", "vqa", "--out", out, *labels)
    assert (code, shown) == (0, "")
    assert f"imported: {out}  (lora, " in said
    made = read_adapter(out)
    assert (made.record.name, made.record.tasks) == ("pets", (VQA.name,))
    assert made.record.heads[VQA.name].labels == ("cat", "dog")
    assert made.record.tuned_parameters == 4 * WIDTH + 4 * WIDTH + 2
    checkpoint = load(base)
    assert made.record.base.checkpoint_sha256 == checkpoint.sha256
    assert answers(adapted(checkpoint, made).model).shape == (3, 2)
    code, _, said = run("import", folder, base, "--task", "vqa", "--out", out, *labels)
    assert code == 1
    assert "exists already" in said


@pytest.mark.parametrize(
    ("command", "kind", "settings", "says"),
    [
        ("merge", "lora", {}, "differ among the orders that share key 0"),
        ("merge", "adalink", {}, "cannot go into these weights"),
        ("fold", "lora", {"share": "key"}, "cannot go into these weights"),
    ],
)
def test_what_cannot_go_into_weights(
    base: Path, tmp_path: Path, command: str, kind: str, settings: dict[str, object], says: str
) -> None:
    folder = write(base, tmp_path / "pets", kind, **settings)
    code, shown, said = run(command, folder, base, "--out", tmp_path / "out")
    assert (code, shown) == (1, "")
    assert says in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_bad_input_is_one_line_and_leaves_nothing(base: Path, tmp_path: Path) -> None:
    good = write(base, tmp_path / "pets", "lora", share="key")
    other = tmp_path / "other"
    checkpoint = load(base)
    with torch.no_grad():
        checkpoint.model.stem.cls_token += 1.0
    save(other, checkpoint)
    dora = peft_folder(tmp_path / "dora", use_dora=True)
    spelt = peft_folder(tmp_path / "spelt")
    out = ("--out", tmp_path / "out")
    (tmp_path / "labels.json").write_text('{"cat": 1}')
    labels = ("--labels", tmp_path / "labels.json")
    cases = [
        (("inspect", tmp_path), "no adapter.json here"),
        (("merge", good, tmp_path, *out), "no such file in the checkpoint"),
        (("merge", good, other, *out), "whose weights are not those of"),
        (("merge", good, base, "--out", other), "exists already"),
        (("import", dora, base, "--task", "vqa", *out), "DoRA"),
        (("import", spelt, base, "--task", "vqa", *out), "--labels"),
        (("import", spelt, base, "--task", "vqa", *out, *labels), "not one JSON list of strings"),
        (("import", tmp_path, base, "--task", "vqa", *out), "no adapter_config.json here"),
    ]
    for arguments, says in cases:
        code, shown, said = run(*arguments)
        assert (code, shown) == (1, ""), said
        assert says in said
        assert len(said.splitlines()) == 1
        assert not (tmp_path / "out").exists()
    (tmp_path / "ok.json").write_text('["cat", "dog"]')
    for words, says in ((("--name", "a/b"), "'a/b'"), (("--task", "sing"), "sing")):
        arguments = ("import", spelt, base, "--task", "vqa", *out, "--labels", tmp_path / "ok.json")
        code, _, said = run(*arguments, *words)
        assert code == 1
        assert says in said
        assert len(said.splitlines()) == 1
