"""A real artifact of a few kilobytes: hand-written ONNX graphs with a NumPy twin.

The block is simple arithmetic (a masked mean and one product, scaled per order), so that every
answer can be computed by hand, yet rows would disturb each other if masks or orders leaked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from artifact.config import ModelConfig
from artifact.golden import (
    CASES_NAME,
    STAGES_NAME,
    LabelledCase,
    StageCase,
    write_labelled_cases,
    write_stage_cases,
)
from artifact.manifest import (
    WEIGHTS_NAME,
    BucketRecord,
    GoldenRecord,
    Manifest,
    StageFile,
    TensorSpec,
    TextRecord,
    VariantRecord,
)
from artifact.pattern import SkipPattern
from artifact.store import Artifact, ArtifactWriter
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

Array = NDArray[Any]
SIDE, PATCH, WIDTH, HEADS, VOCAB, ANSWERS = 4, 2, 4, 2, 12, 6
NV, HEAD_WIDTH = 5, 2
WORDS = ["[PAD]", "[BOS]", "[EOS]", "[UNK]", "[MASK]", "what", "colour", "is", "red", "a", "b", "c"]
LABELS = ["red", "green", "blue", "yes", "no", "two"]
ONNX_TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}


def tiny_config(key_of_order: tuple[int, ...] = (0, 0, 1, 1)) -> ModelConfig:
    return ModelConfig(
        name="tiny",
        image_size=SIDE,
        patch_size=PATCH,
        width=WIDTH,
        heads=HEADS,
        ffn_width=8,
        vocab_size=VOCAB,
        max_text_positions=16,
        key_of_order=key_of_order,
        merged_feed_forward=True,
        readout="series",
        skip_probability=0.1,
        num_answers=ANSWERS,
        tasks=("vqa", "caption"),
    )


@dataclass
class TinyModel:
    """Weights, and the NumPy reference of every stage."""

    config: ModelConfig = field(default_factory=tiny_config)
    seed: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)

        def draw(*shape: int) -> Array:
            return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

        self.weights: dict[str, Array] = {
            "pix": draw(SIDE * SIDE * 3, NV * WIDTH) / 64,
            "embed": draw(VOCAB, WIDTH),
            "pos": draw(16, WIDTH),
            "head_vqa": draw(2 * WIDTH, ANSWERS),
            "head_caption": draw(WIDTH, VOCAB),
        }
        for key in range(self.config.keys):
            self.weights[f"w{key}"] = draw(WIDTH, WIDTH)
            count = len(self.config.orders_of_key(key))
            scale = 1 + 0.25 * np.arange(count) + 0.1 * key
            self.weights[f"scale{key}"] = scale.astype(np.float32)

    def _mix(self, key: int, order: Array, h: Array, mean: Array) -> Array:
        scale = self.weights[f"scale{key}"][order][:, None, None]
        return np.tanh(h @ self.weights[f"w{key}"] + mean) * scale + h * np.float32(0.5)

    def run(self, stage: str, x: dict[str, Array]) -> dict[str, Array]:
        """Return what a stage must return for batched inputs."""
        kind, _, rest = stage.partition("[")
        w = self.weights
        if kind == "stem" and rest != "decode]":
            flat = x["pixels"].reshape(len(x["pixels"]), -1).astype(np.float32)
            image = (flat @ w["pix"]).reshape(-1, NV, WIDTH)
            if rest == "caption]":
                return {"h": image}
            return {"h": np.concatenate([image, w["embed"][x["tokens"]]], axis=1)}
        if kind == "stem":
            return {"h": w["embed"][x["tokens"]] + w["pos"][x["position"]][:, None]}
        if kind == "head":
            y = x["y"].reshape(len(x["y"]), -1)
            return {"logits": y @ w[f"head_{rest[:-1]}"]}
        key = int(rest[:-1])
        batch = len(x["h"])
        if kind == "block":
            real = x["mask"][:, :, None].astype(np.float32)
            mean = (x["h"] * real).sum(1, keepdims=True) / real.sum(1, keepdims=True)
            h = self._mix(key, x["order"], x["h"], mean)
            return {"h_out": h, "r": h[:, [0, NV]]}
        if kind == "block_image":
            h = self._mix(key, x["order"], x["h"], x["h"].mean(1, keepdims=True))
            k = h.reshape(batch, NV, HEADS, HEAD_WIDTH).transpose(0, 2, 1, 3)
            return {"h_out": h, "k": k, "v": k * np.float32(2)}
        real = x["mask"][:, None, :, None].astype(np.float32)
        mean = ((x["k"] + x["v"]) * real).sum(2) / real.sum(2)
        h = self._mix(key, x["order"], x["h"], mean.reshape(batch, 1, WIDTH))
        k = h[:, :1].reshape(batch, 1, HEADS, HEAD_WIDTH).transpose(0, 2, 1, 3)
        return {"h_out": h, "r": h[:, 1:], "k_new": k, "v_new": k * np.float32(2)}

    def vqa(self, pattern: SkipPattern, pixels: Array, tokens: list[int]) -> Array:
        """Return logits of one question, unpadded and alone."""
        ids = np.array([tokens], np.int64)
        h = self.run("stem[vqa]", {"pixels": pixels[None], "tokens": ids})["h"]
        mask = np.ones(h.shape[:2], bool)
        y = np.zeros((1, 2, WIDTH), np.float32)
        for k in pattern.executed:
            order = np.array([self.config.order_in_key(k)])
            stage = f"block[{self.config.key_of_order[k]}]"
            out = self.run(stage, {"h": h, "order": order, "mask": mask})
            h, y = out["h_out"], y + out["r"]
        return self.run("head[vqa]", {"y": y})["logits"][0]

    def caption(self, pattern: SkipPattern, pixels: Array, max_words: int) -> list[int]:
        """Return the words of one caption, decoded alone without padding."""
        h = self.run("stem[caption]", {"pixels": pixels[None]})["h"]
        cache: dict[int, tuple[Array, Array]] = {}
        for k in pattern.executed:
            order = np.array([self.config.order_in_key(k)])
            out = self.run(
                f"block_image[{self.config.key_of_order[k]}]", {"h": h, "order": order}
            )
            h, cache[k] = out["h_out"], (out["k"], out["v"])
        words: list[int] = []
        while len(words) < max_words:
            tokens = np.array([[words[-1] if words else 1, 4]])
            h = self.run("stem[decode]", {"tokens": tokens, "position": np.array([len(words)])})["h"]
            y = np.zeros((1, 1, WIDTH), np.float32)
            for k in pattern.executed:
                kk, vv = cache[k]
                inputs = {"h": h, "order": np.array([self.config.order_in_key(k)]), "k": kk, "v": vv}
                inputs["mask"] = np.ones((1, kk.shape[2]), bool)
                out = self.run(f"block_decode[{self.config.key_of_order[k]}]", inputs)
                h, y = out["h_out"], y + out["r"]
                cache[k] = (
                    np.concatenate([kk, out["k_new"]], axis=2),
                    np.concatenate([vv, out["v_new"]], axis=2),
                )
            word = int(self.run("head[caption]", {"y": y})["logits"][0].argmax())
            if word == 2:
                break
            words.append(word)
        return words


SPECS: dict[str, tuple[dict[str, tuple[str, list[Any]]], dict[str, tuple[str, list[Any]]]]] = {
    "stem[vqa]": (
        {"pixels": ("uint8", ["B", SIDE, SIDE, 3]), "tokens": ("int64", ["B", "L"])},
        {"h": ("float32", ["B", "N", WIDTH])},
    ),
    "stem[caption]": (
        {"pixels": ("uint8", ["B", SIDE, SIDE, 3])},
        {"h": ("float32", ["B", NV, WIDTH])},
    ),
    "stem[decode]": (
        {"tokens": ("int64", ["B", 2]), "position": ("int64", ["B"])},
        {"h": ("float32", ["B", 2, WIDTH])},
    ),
    "head[vqa]": ({"y": ("float32", ["B", 2, WIDTH])}, {"logits": ("float32", ["B", ANSWERS])}),
    "head[caption]": ({"y": ("float32", ["B", 1, WIDTH])}, {"logits": ("float32", ["B", VOCAB])}),
}
CACHE = ("float32", ["B", HEADS, "T", HEAD_WIDTH])
ONE = ("float32", ["B", HEADS, 1, HEAD_WIDTH])
IMAGE_CACHE = ("float32", ["B", HEADS, NV, HEAD_WIDTH])
BLOCK_SPECS = {
    "block": (
        {
            "h": ("float32", ["B", "N", WIDTH]),
            "order": ("int64", ["B"]),
            "mask": ("bool", ["B", "N"]),
        },
        {"h_out": ("float32", ["B", "N", WIDTH]), "r": ("float32", ["B", 2, WIDTH])},
    ),
    "block_image": (
        {"h": ("float32", ["B", NV, WIDTH]), "order": ("int64", ["B"])},
        {"h_out": ("float32", ["B", NV, WIDTH]), "k": IMAGE_CACHE, "v": IMAGE_CACHE},
    ),
    "block_decode": (
        {
            "h": ("float32", ["B", 2, WIDTH]),
            "order": ("int64", ["B"]),
            "k": CACHE,
            "v": CACHE,
            "mask": ("bool", ["B", "T"]),
        },
        {
            "h_out": ("float32", ["B", 2, WIDTH]),
            "r": ("float32", ["B", 1, WIDTH]),
            "k_new": ONE,
            "v_new": ONE,
        },
    ),
}


class Graph:
    """A small ONNX graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.weights: list[str] = []

    def __call__(self, op: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        name = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def weight(self, name: str) -> str:
        if name not in self.weights:
            self.weights.append(name)
        return name

    def mean(self, x: str, mask: str, axis: int) -> str:
        total = self("ReduceSum", self("Mul", x, mask), self.const([axis]))
        return self("Div", total, self("ReduceSum", mask, self.const([axis])))

    def mix(self, key: int, mean: str, out: str) -> str:
        scale = self("Gather", self.weight(f"scale{key}"), "order")
        scale = self("Unsqueeze", scale, self.const([1, 2]))
        inner = self("Tanh", self("Add", self("MatMul", "h", self.weight(f"w{key}")), mean))
        half = self("Mul", "h", self.const(0.5, np.float32))
        return self("Add", self("Mul", inner, scale), half, out=out)

    def heads(self, x: str, tokens: int, out: str) -> str:
        split = self("Reshape", x, self.const([-1, tokens, HEADS, HEAD_WIDTH]))
        return self("Transpose", split, out=out, perm=[0, 2, 1, 3])


def _build(stage: str) -> Graph:
    g = Graph()
    kind, _, rest = stage.partition("[")
    name = rest[:-1]
    if kind == "stem" and name != "decode":
        flat = g("Cast", g("Flatten", "pixels"), to=TensorProto.FLOAT)
        product = g("MatMul", flat, g.weight("pix"))
        shape = g.const([-1, NV, WIDTH])
        if name == "caption":
            g("Reshape", product, shape, out="h")
        else:
            words = g("Gather", g.weight("embed"), "tokens")
            g("Concat", g("Reshape", product, shape), words, out="h", axis=1)
    elif kind == "stem":
        place = g("Unsqueeze", g("Gather", g.weight("pos"), "position"), g.const([1]))
        g("Add", g("Gather", g.weight("embed"), "tokens"), place, out="h")
    elif kind == "head":
        g("MatMul", g("Flatten", "y"), g.weight(f"head_{name}"), out="logits")
    elif kind == "block":
        mask = g("Unsqueeze", g("Cast", "mask", to=TensorProto.FLOAT), g.const([2]))
        g.mix(int(name), g.mean("h", mask, 1), "h_out")
        g("Gather", "h_out", g.const([0, NV]), out="r", axis=1)
    elif kind == "block_image":
        g.mix(int(name), g("ReduceMean", "h", g.const([1])), "h_out")
        g("Mul", g.heads("h_out", NV, "k"), g.const(2.0, np.float32), out="v")
    else:
        mask = g("Unsqueeze", g("Cast", "mask", to=TensorProto.FLOAT), g.const([1, 3]))
        total = g("ReduceSum", g("Mul", g("Add", "k", "v"), mask), g.const([2]), keepdims=0)
        mean = g("Div", total, g("ReduceSum", mask, g.const([2]), keepdims=0))
        g.mix(int(name), g("Reshape", mean, g.const([-1, 1, WIDTH])), "h_out")
        g("Slice", "h_out", g.const([1]), g.const([2]), g.const([1]), out="r")
        first = g("Slice", "h_out", g.const([0]), g.const([1]), g.const([1]))
        g("Mul", g.heads(first, 1, "k_new"), g.const(2.0, np.float32), out="v_new")
    return g


def _external(name: str, array: Array, offset: int) -> Any:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape)
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": WEIGHTS_NAME, "offset": offset, "length": array.nbytes}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _stage_file(folder: Path, stage: str, model: TinyModel, offsets: dict[str, int]) -> StageFile:
    kind = stage.partition("[")[0]
    inputs, outputs = SPECS.get(stage) or BLOCK_SPECS[kind]
    graph = _build(stage)
    external = [_external(n, model.weights[n], offsets[n]) for n in graph.weights]
    values = [
        [helper.make_tensor_value_info(n, ONNX_TYPES[d], s) for n, (d, s) in side.items()]
        for side in (inputs, outputs)
    ]
    proto = helper.make_graph(graph.nodes, kind, *values, [*graph.constants, *external])
    onnx_model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    name = stage.replace("[", "_").replace("]", "") + ".onnx"
    (folder / name).write_bytes(onnx_model.SerializeToString())
    specs = [
        {n: TensorSpec(dtype=d, shape=tuple(s)) for n, (d, s) in side.items()}
        for side in (inputs, outputs)
    ]
    return StageFile(
        file=name, inputs=specs[0], outputs=specs[1], initializers=tuple(graph.weights)
    )


def stage_names(config: ModelConfig) -> list[str]:
    blocks = [f"{kind}[{key}]" for key in range(config.keys) for kind in BLOCK_SPECS]
    return [*SPECS, *blocks]


def example_inputs(model: TinyModel, stage: str, batch: int, seed: int) -> dict[str, Array]:
    """Return distinct random inputs with a real mask."""
    rng = np.random.default_rng(seed)
    inputs, _ = SPECS.get(stage) or BLOCK_SPECS[stage.partition("[")[0]]
    sizes = {"B": batch, "L": 6, "N": NV + 6, "T": NV + 4}
    key = model.config.keys - 1 if stage in SPECS else int(stage.partition("[")[2][:-1])
    highs = {"pixels": 256, "tokens": VOCAB, "position": 8}
    highs["order"] = len(model.config.orders_of_key(key))
    found: dict[str, Array] = {}
    for name, (dtype, symbols) in inputs.items():
        shape = tuple(sizes[s] if isinstance(s, str) else s for s in symbols)
        if dtype == "float32":
            found[name] = rng.standard_normal(shape).astype(np.float32)
        elif dtype == "bool":
            found[name] = np.arange(shape[1]) < rng.integers(NV, shape[1] + 1, (batch, 1))
        else:
            found[name] = rng.integers(0, highs[name], shape).astype(dtype)
    return found


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(WORDS[:5])
    return tokenizer


QUALITY = {"full": 0.9, "d3": 0.85, "d2": 0.8, "d1": 0.6}


def write_tiny(
    out: Path,
    model: TinyModel | None = None,
    quality: dict[str, float | None] | None = None,
    golden_quality: float | None = None,
) -> Artifact:
    """Write a checked artifact with the ladder full, d3, d2, d1 and golden files."""
    model = model or TinyModel()
    config = model.config
    quality = dict(QUALITY) if quality is None else quality
    with ArtifactWriter(out) as writer:
        save_file(model.weights, writer.folder / WEIGHTS_NAME)
        raw = (writer.folder / WEIGHTS_NAME).read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        offsets = {n: 8 + length + e["data_offsets"][0] for n, e in header.items()}
        stages = {s: _stage_file(writer.folder, s, model, offsets) for s in stage_names(config)}
        _tokenizer().save(str(writer.folder / "tokenizer.json"))
        (writer.folder / "labels.json").write_text(json.dumps(LABELS))
        golden = [
            StageCase(stage, inputs, model.run(stage, inputs))
            for number, stage in enumerate(stages)
            for inputs in [example_inputs(model, stage, 3, number)]
        ]
        write_stage_cases(writer.folder / STAGES_NAME, golden)
        record = _write_cases(writer.folder, model, golden_quality)
        full = SkipPattern.full(config.orders)
        variants = []
        for depth in range(config.orders, 0, -1):
            name = full.prefix(depth).variant_id(on_ladder=True)
            scores = {task: {"fp32": quality.get(name)} for task in config.tasks}
            variants.append(
                VariantRecord(
                    id=name,
                    pattern=full.prefix(depth).executed,
                    unique_parameters=16,
                    executed_parameters=16 * depth,
                    quality=scores,
                    quality_source="declared: for tests",
                )
            )
        manifest = Manifest(
            name="tiny",
            config=config,
            tasks=config.tasks,
            stages=stages,
            variants=tuple(variants),
            golden=record,
            text=TextRecord(
                bos=1, eos=2, pad=0, unk=3, mask=4, max_question_tokens=8, max_caption_tokens=7
            ),
            buckets=BucketRecord(text_lengths=(4, 8), batches=(1, 2, 4)),
        )
        return writer.commit(manifest)


def _write_cases(folder: Path, model: TinyModel, golden_quality: float | None) -> GoldenRecord:
    """Write pictures whose right answer is, by definition, the NumPy twin's."""
    rng = np.random.default_rng(7)
    full = SkipPattern.full(model.config.orders)
    cases = []
    (folder / "golden/images").mkdir(parents=True, exist_ok=True)
    for number in range(8):
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        name = f"golden/images/{number}.png"
        Image.fromarray(pixels).save(folder / name)
        answer = LABELS[int(model.vqa(full, pixels, [1, 5, 6, 2]).argmax())]
        cases.append(LabelledCase(name, "vqa", "what colour", (answer,)))
        words = model.caption(full, pixels, 6)
        text = " ".join(WORDS[w] for w in words if w > 4)
        cases.append(LabelledCase(name, "caption", phrases=(text,) if text else ("a",)))
    write_labelled_cases(folder / CASES_NAME, cases)
    score = 1.0 if golden_quality is None else golden_quality
    return GoldenRecord(
        stages=STAGES_NAME, cases=CASES_NAME, count=len(cases), quality={"vqa": {"full": score}}
    )
