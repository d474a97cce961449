"""Artifact in, checkpoint out: the weights that its graphs hold, as a model to tune on.

Large tensors lie in the weights file under the model's own names, the rest in the graphs. Two rows
are lost, and nothing reads them: positions 0 and 1 of each table of picture positions, which
BEiT-3's numbering reserves; they come back as zeros. The golden stage cases then prove the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from types import EllipsisType

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from artifact.errors import ArtifactError
from artifact.golden import read_stage_cases, relative_l2
from artifact.manifest import WEIGHTS_NAME
from artifact.stage import StageName, stage_name
from artifact.store import Artifact
from exporters.parity import LIMIT
from exporters.tasks import cut
from models.checkpoint import ARTIFACT_HASH, Checkpoint
from models.norms import IMAGE, TEXT
from models.series import OtmvModel
from models.stem import POSITION_OFFSET

_TRANSPOSED = ".transposed"
_OWNER = "owner."
_NORMS = ("attention_norm", "inner_attention_norm", "ffn_norm", "inner_ffn_norm")
"""A block's norms in the order it runs them; graphs number their tables in that order."""

_FIX = "give the checkpoint it was exported from"


def recover(artifact: Artifact) -> Checkpoint:
    """Return the checkpoint that an artifact was exported from, all tensors bit-equal.

    Raises:
        ArtifactError: it holds whole variants only, its graphs are named otherwise than this
            release names them, or the model does not give its golden outputs.
    """
    config, root = artifact.manifest.config, artifact.root
    model = OtmvModel(config).eval()
    state = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    lost = set(state)
    for name, part, tensor in _tensors(artifact):
        if name in state:
            if state[name][part].squeeze().shape != tensor.squeeze().shape:
                raise ArtifactError(root, f"{name} has another shape in its graphs", _FIX)
            state[name][part] = tensor.reshape(state[name][part].shape)
            lost.discard(name)
    if lost:
        problem = f"its graphs do not hold {min(lost)} (of {len(state)} tensors, {len(lost)} lack)"
        raise ArtifactError(root, problem, _FIX)
    model.load_state_dict(state)
    _prove(artifact, model)
    manifest = artifact.manifest
    note: dict[str, str | int | float] = {
        "weights of artifact": manifest.name,
        ARTIFACT_HASH: artifact.hash,
        "of the checkpoint with SHA-256": manifest.source_checkpoint_sha256 or "not recorded",
    }
    tokenizer = Tokenizer.from_file(str(artifact.path(manifest.tokenizer)))
    tokenizer.post_processor = None  # the export adds it, for others; a checkpoint reads words only
    return Checkpoint(model, tokenizer, artifact.labels(), None, note)


Part = tuple[slice | int | EllipsisType, ...]
"""Which part of a tensor of the model a graph holds."""

_WHOLE: Part = (...,)


def _tensors(artifact: Artifact) -> Iterator[tuple[str, Part, Tensor]]:
    """Yield what it holds: a name in the model's state dict, which part of it, and the value."""
    for name, tensor in load_file(artifact.path(WEIGHTS_NAME)).items():
        if name.endswith(_TRANSPOSED):
            yield name.removesuffix(_TRANSPOSED), _WHOLE, tensor.T
        else:
            yield name, _WHOLE, tensor
    for each, record in artifact.manifest.stages.items():
        stage = stage_name(each)
        if stage.is_whole:
            continue
        path = artifact.path(record.file)
        graph = onnx.load(str(path), load_external_data=False).graph
        named = {initializer.name: initializer for initializer in graph.initializer}
        places = _block_places(stage, named) if stage.is_block else _other_places(stage, named)
        for initializer, (name, part) in places.items():
            array = numpy_helper.to_array(named[initializer], base_dir=str(artifact.root))
            yield name, part, torch.from_numpy(array.copy())


def _block_places(stage: StageName, named: Collection[str]) -> dict[str, tuple[str, Part]]:
    """Return where the initializers of a key block's graph belong."""
    prefix = f"keys.{stage.key}."
    places = {name: (prefix + name.removeprefix(_OWNER), _WHOLE) for name in _owned(named)}
    seen = (IMAGE, TEXT) if stage.rides else (IMAGE,) if stage.leaves_caches else (TEXT,)
    tables = [(norm, m, kind) for norm in _NORMS for m in seen for kind in ("scale", "shift")]
    found = _numbered(named, "select")
    if len(found) == len(tables):
        for initializer, (norm, modality, kind) in zip(found, tables, strict=True):
            places[initializer] = (f"{prefix}{norm}.{kind}", (slice(None), modality))
    for initializer in _numbered(named, "unsqueeze")[:1]:
        places[initializer] = (f"{prefix}coefficient", _WHOLE)
    return places


def _other_places(stage: StageName, named: Collection[str]) -> dict[str, tuple[str, Part]]:
    """Return where the initializers of a stem's or head's graph belong."""
    prefix = "stem." if stage.is_stem else f"heads.{stage.task}."
    places = {name: (prefix + name.removeprefix(_OWNER), _WHOLE) for name in _owned(named)}
    table = (
        "image_positions"
        if stage.image_size is None
        else (f"other_image_positions.{stage.image_size}")
    )
    for initializer in _numbered(named, "slice")[:1] if stage.is_stem else ():
        places[initializer] = (f"stem.{table}.weight", (slice(POSITION_OFFSET, None),))
    return places


def _owned(named: Collection[str]) -> Iterator[str]:
    return (name for name in named if name.startswith(_OWNER))


def _numbered(named: Collection[str], operation: str) -> list[str]:
    """Return the constants that an operation left, in the order of the graph."""
    form = re.compile(rf"{operation}(?:_(\d+))?")
    found = {name: match for name in named if (match := form.fullmatch(name))}
    return sorted(found, key=lambda name: int(found[name][1] or 0))


@torch.inference_mode()
def _prove(artifact: Artifact, model: OtmvModel) -> None:
    """Compare the model with the golden cases of the artifact's stages.

    Raises:
        ArtifactError: it has none, or the model gives something else.
    """
    golden, root = artifact.manifest.golden, artifact.root
    if golden is None:
        raise ArtifactError(root, "has no golden cases to prove its weights by", _FIX)
    stages = {stage.name: stage for stage in cut(model)}
    for case in read_stage_cases(artifact.path(golden.stages)):
        stage = stages[stage_name(case.stage)]
        given = (torch.from_numpy(case.inputs[name].copy()) for name in stage.inputs)
        made = stage.module(*given)
        outputs = made if isinstance(made, tuple) else (made,)
        for name, output in zip(stage.outputs, outputs, strict=True):
            found = relative_l2(output.numpy(), case.outputs[name])
            if found > LIMIT:
                problem = f"its weights give {case.stage} {name} off by relative L2 {found:.1e}"
                raise ArtifactError(root, problem, _FIX)
