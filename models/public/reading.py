"""Tensors of a released checkpoint's file."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.public.errors import UnreadableWeights


def read_public(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors` or `.pth` file, as fp32 on the CPU.

    Raises:
        UnreadableWeights: it is missing, of another kind, or holds more than tensors.
    """
    if not path.is_file():
        raise UnreadableWeights(path, "no such file", "download a fine-tuned beit3_* checkpoint")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        elif path.suffix == ".pth":
            state = torch.load(path, map_location="cpu", weights_only=True)["model"]
        else:
            raise UnreadableWeights(
                path, f"cannot read {path.suffix or 'a file without suffix'}", "use .safetensors"
            )
        return {name: tensor.float() for name, tensor in state.items()}
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableWeights(path, f"no tensors ({reason})", "download it again") from error
    except (KeyError, TypeError, AttributeError) as error:
        fix = "save the tensors as .safetensors"
        raise UnreadableWeights(path, 'no tensors under "model"', fix) from error
