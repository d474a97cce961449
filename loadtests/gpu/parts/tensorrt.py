"""One block as a TensorRT engine beside the same block as a CUDA graph, where TensorRT is there."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from artifact.task import VQA
from loadtests.gpu.device.timing import Quartiles, ratios, rounds
from loadtests.gpu.models.methods import made, relative_l2
from loadtests.gpu.suite.rig import NotRun, Rig
from models.key_block import KeyBlock

LIBRARIES = ("tensorrt", "tensorrt_rtx")

ABSENT = (
    "neither tensorrt nor tensorrt_rtx is installed; pip install tensorrt-cu13 (or tensorrt-rtx) "
    "where NVIDIA's package index can be reached"
)


def run(rig: Rig) -> None:
    """Build the block of the model with one key, in fp16 and strongly typed, and time it in turns.

    Finds the library and its version, seconds of building, milliseconds of both, how far apart
    their results are.

    Raises:
        NotRun: no library, or no GPU.
        RuntimeError: the library cannot parse or build the block.
    """
    library = _library()
    if not rig.device.is_cuda:
        raise NotRun(f"{library.__name__} needs a GPU; --device cuda")
    rig.note("library", f"{library.__name__} {library.__version__}")
    work = replace(rig.size.of(VQA.name), batch=rig.size.peak_batch)
    config = rig.size.config(work)
    model, _ = made("literal", config, rig)
    key = model.keys[0]
    assert isinstance(key, KeyBlock)
    block = _KeyBlockGraph(key.half(), config.image_tokens)
    tokens = config.image_tokens + work.text_tokens
    chance = torch.Generator(rig.device.place).manual_seed(rig.seed)
    shape = (work.batch, tokens, config.width)
    h = torch.randn(shape, generator=chance, device=rig.device.place, dtype=torch.float16)
    order = torch.arange(work.batch, device=rig.device.place) % config.orders
    plan, build_s = _built(rig, library, block, h, order)
    rig.note("build_s", build_s)
    engine = _Engine(library, plan, {"h": h, "order": order, "h_out": torch.empty_like(h)})
    graph = rig.device.capture(lambda: block(h, order))
    graph()
    engine.launch()
    rig.device.wait()
    rig.note("results_apart", relative_l2(engine.tensors["h_out"], graph.output))
    samples = rounds(rig.device, {"tensorrt": engine.launch, "graph": graph}, rig.deadline, most=30)
    for name, times in samples.items():
        rig.note(f"ms.{name}", Quartiles.of(times).record(1e3))
    rig.note("speed_over_graph", ratios(samples["graph"], samples["tensorrt"]).record())


def _built(rig: Rig, library: Any, block: nn.Module, h: Tensor, order: Tensor) -> tuple[Any, float]:
    """Return the block as a plan, and the seconds of building it."""
    with tempfile.TemporaryDirectory(prefix="otmv-gpu-") as folder:
        path = Path(folder) / "block.onnx"
        torch.onnx.export(
            block,
            (h, order),
            str(path),
            dynamo=True,
            input_names=["h", "order"],
            output_names=["h_out"],
        )
        begun = rig.device.mark()
        plan = _plan(library, path)
        return plan, round(rig.device.mark().since_s(begun), 2)


def _library() -> Any:
    """Import the first TensorRT there is.

    Raises:
        NotRun: there is none, or none that works.
    """
    problems = []
    for name in LIBRARIES:
        if importlib.util.find_spec(name) is None:
            continue
        try:
            found = importlib.import_module(name)
        except (ImportError, OSError) as error:
            problems.append(f"{name}: {error}")
            continue
        if hasattr(found, "Builder"):
            return found
        problems.append(f"{name} has no Builder")
    raise NotRun("; ".join(problems) or ABSENT)


class _KeyBlockGraph(nn.Module):
    """A key block whose graph has two inputs: h and each row's order."""

    def __init__(self, key: KeyBlock, image_tokens: int) -> None:
        super().__init__()
        self.key = key
        self.image_tokens = image_tokens

    def forward(self, h: Tensor, order: Tensor) -> Tensor:
        done: Tensor = self.key(h, order, self.image_tokens, None)
        return done


def _plan(library: Any, path: Path) -> Any:
    """Parse an ONNX file and build it for this GPU; types are those of the file."""
    logger = library.Logger(library.Logger.ERROR)
    builder = library.Builder(logger)
    flags = library.NetworkDefinitionCreationFlag.__members__
    typed = 1 << int(flags["STRONGLY_TYPED"]) if "STRONGLY_TYPED" in flags else 0
    network = builder.create_network(typed)
    parser = library.OnnxParser(network, logger)
    if not parser.parse_from_file(str(path)):
        errors = [str(parser.get_error(index)) for index in range(parser.num_errors)]
        raise RuntimeError(f"{library.__name__} cannot parse the block: {'; '.join(errors)}")
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    if plan is None:
        raise RuntimeError(f"{library.__name__} cannot build the block; its log says why")
    return plan


class _Engine:
    """A plan, ready to run on torch's tensors and torch's stream."""

    def __init__(self, library: Any, plan: Any, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self._runtime = library.Runtime(library.Logger(library.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise RuntimeError(f"{library.__name__} built a plan that this GPU cannot load")
        self._context = self._engine.create_execution_context()
        for name, tensor in tensors.items():
            self._context.set_tensor_address(name, tensor.data_ptr())

    def launch(self) -> None:
        """Run it on the current stream."""
        self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream)
