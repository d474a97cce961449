"""An artifact gives the checkpoint back that it was exported from."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest
import torch

from artifact.errors import ArtifactError
from artifact.golden import read_stage_cases, relative_l2
from artifact.stage import StageName
from artifact.store import Artifact, open_artifact
from exporters.graphs.recover import recover
from exporters.tasks import cut
from models.checkpoint import Checkpoint

DEMO = Path(__file__).parents[3] / "examples" / "demo-artifact"
RESERVED = slice(0, 2)


def check_same(recovered: Checkpoint, original: Checkpoint) -> None:
    assert recovered.model.config == original.model.config
    assert recovered.labels == original.labels
    assert recovered.tokenizer.to_str() == original.tokenizer.to_str()
    again = recovered.model.state_dict()
    for name, tensor in original.model.state_dict().items():
        if "image_positions" in name:  # the first two stand for no position
            assert not again[name][RESERVED].any()
            assert torch.equal(again[name][2:], tensor[2:])
        else:
            assert torch.equal(again[name], tensor), name


def test_every_tensor_is_bit_equal(exported: Artifact, checkpoint: Checkpoint) -> None:
    check_same(recover(exported), checkpoint)


def test_the_demo_gives_its_golden_outputs() -> None:
    recovered = recover(open_artifact(DEMO))
    stages = {stage.name: stage for stage in cut(recovered.model)}
    cases = read_stage_cases(DEMO / "golden" / "stages.safetensors")
    assert {case.stage for case in cases} == set(stages)
    with torch.inference_mode():
        for case in cases:
            stage = stages[case.stage]
            made = stage.module(*(torch.from_numpy(case.inputs[name]) for name in stage.inputs))
            for name, out in zip(
                stage.outputs, made if isinstance(made, tuple) else (made,), strict=True
            ):
                assert relative_l2(out.numpy(), case.outputs[name]) <= 1e-6
    assert recovered.note["weights of artifact"] == "demo"


def copied(artifact: Artifact, folder: Path) -> Artifact:
    shutil.copytree(artifact.root, folder / "copy")
    return Artifact(folder / "copy", artifact.manifest, artifact.hash)


def test_graphs_with_other_names_are_refused(exported: Artifact, tmp_path: Path) -> None:
    copy = copied(exported, tmp_path)
    path = copy.root / "stem.decode.onnx"
    for file in ("stem.decode.onnx", "stem.vqa.onnx", "stem.caption.onnx"):
        path = copy.root / file
        model = onnx.load(path, load_external_data=False)
        for initializer in model.graph.initializer:
            initializer.name = f"other.{initializer.name}"
        path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=r"do not hold stem\.cls_token") as caught:
        recover(copy)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_give_the_golden_outputs_are_refused(
    exported: Artifact, tmp_path: Path
) -> None:
    copy = copied(exported, tmp_path)
    path = copy.root / "head.vqa.onnx"
    model = onnx.load(path, load_external_data=False)
    (bias,) = (i for i in model.graph.initializer if i.name == "owner.answers.bias")
    bias.raw_data = bytes(len(bias.raw_data))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=r"head\[vqa\] logits off by"):
        recover(copy)


def test_whole_variants_alone_hold_no_model_to_tune(exported: Artifact) -> None:
    wholes = {
        name: each for name, each in exported.manifest.stages.items() if StageName(name).is_whole
    }
    assert wholes
    manifest = exported.manifest.model_copy(update={"stages": wholes})
    with pytest.raises(ArtifactError, match="its graphs do not hold"):
        recover(Artifact(exported.root, manifest, exported.hash))
