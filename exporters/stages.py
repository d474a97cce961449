"""Stages before they are compiled: modules with the names, shapes and dtypes of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artifact.manifest import TensorSpec
from artifact.stage import StageName
from artifact.task import TaskName
from models.key_block import KeyBlock
from models.series import OtmvModel

Shape = tuple[int | str, ...]
"""Sizes, and symbols: B rows, N tokens, L text tokens, T cached tokens, A adapters."""

_DTYPES = {torch.uint8: "uint8", torch.int64: "int64", torch.bool: "bool", torch.float32: "float32"}


@dataclass(frozen=True)
class TensorShape:
    """One input or output of a stage.

    `below` bounds random integers (exclusive), `std` is the spread of random numbers.
    """

    dtype: torch.dtype
    shape: Shape
    below: int = 0
    std: float = 1.0

    @property
    def spec(self) -> TensorSpec:
        """The manifest's form."""
        return TensorSpec.model_validate({"dtype": _DTYPES[self.dtype], "shape": self.shape})

    def random(self, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
        """Draw a tensor; a mask keeps at least its first entries, as text padding does."""
        shape = [sizes[size] if isinstance(size, str) else size for size in self.shape]
        if self.dtype is torch.float32:
            return torch.randn(shape, generator=generator) * self.std
        if self.dtype is torch.bool:
            kept = torch.randint(
                (shape[1] + 1) // 2, shape[1] + 1, (shape[0], 1), generator=generator
            )
            return torch.arange(shape[1])[None] < kept
        return torch.randint(0, self.below, shape, generator=generator).to(self.dtype)


@dataclass(frozen=True)
class UncompiledStage:
    """A stage before it is compiled."""

    name: StageName
    module: nn.Module
    inputs: Mapping[str, TensorShape]
    outputs: Mapping[str, TensorShape]

    def random_inputs(self, sizes: Mapping[str, int], seed: int) -> dict[str, Tensor]:
        """Draw distinct random inputs; one tensor is never passed as two inputs.

        Args:
            sizes: B, L, N, T and A.
            seed: of the draw.
        """
        generator = torch.Generator().manual_seed(seed)
        return {name: tensor.random(sizes, generator) for name, tensor in self.inputs.items()}


class Call(nn.Module):
    """A module whose forward is a function over another module; parameters stay the model's."""

    def __init__(self, owner: nn.Module, call: Callable[..., object]) -> None:
        super().__init__()
        self.owner = owner
        self.call = call

    def forward(self, *tensors: Tensor) -> object:
        """Call the function."""
        return self.call(*tensors)


def pixels_shape(model: OtmvModel, task: TaskName, pictures: int = 1) -> TensorShape:
    """Return the pixels that a request of a task brings: one picture, or several."""
    side = model.config.image_size_of(task)
    several: Shape = () if pictures == 1 else (pictures,)
    return TensorShape(torch.uint8, ("B", *several, side, side, 3), below=256)


def tokens_shape(model: OtmvModel, *shape: int | str) -> TensorShape:
    """Return token ids of that shape."""
    return TensorShape(torch.int64, shape, below=model.config.vocab_size)


def order_shape(key: KeyBlock) -> TensorShape:
    """Return the order of each row, among those of one key."""
    return TensorShape(torch.int64, ("B",), below=key.coefficient.numel())


def each_key(model: OtmvModel) -> Iterator[tuple[int, KeyBlock]]:
    """Yield the key blocks with their numbers."""
    for index, key in enumerate(model.keys):
        assert isinstance(key, KeyBlock)
        yield index, key
