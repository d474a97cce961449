"""Tensors of a released checkpoint's file."""

from __future__ import annotations

import argparse
import re
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.public.errors import UnreadableWeights

_PICKLED = (".pth", ".pt", ".bin")
_UNDER = ("model", "module")
"""Where BEiT-3's scripts put the tensors, beside an optimiser and more."""


def read_public(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors` or `.pth` file, as fp32 on the CPU.

    Of a pickled file only tensors, plain values and the options of BEiT-3's script (a Namespace,
    whose making runs nothing) are read; anything else is refused before it is made.

    Raises:
        UnreadableWeights: it is missing, of another kind, or holds more than that.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise UnreadableWeights(path, found, "name the file of a fine-tuned beit3_* checkpoint")
    try:
        if path.suffix == ".safetensors":
            return _as_float(path, load_file(path))
        if path.suffix in _PICKLED:
            return _as_float(path, _unpickled(path))
    except (SafetensorError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableWeights(path, f"no tensors ({reason})", "download it again") from error
    problem = f"cannot read {path.suffix or 'a file without suffix'}"
    raise UnreadableWeights(path, problem, "give a .pth or .safetensors file")


def _unpickled(path: Path) -> object:
    """Return what lies under "model", or all of it; the tensors stay in the file until used."""
    zipped = zipfile.is_zipfile(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            stored = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # broken bytes are opcodes that raise whatever they run into
        raise _refused(path, error) from error
    if isinstance(stored, dict):
        return next((stored[name] for name in _UNDER if name in stored), stored)
    return stored


def _as_float(path: Path, state: object) -> dict[str, Tensor]:
    if not isinstance(state, dict) or not state:
        raise UnreadableWeights(path, 'no tensors under "model"', "save them as .safetensors")
    strange = [name for name, tensor in state.items() if not isinstance(tensor, Tensor)]
    if strange:
        problem = f'"model" holds {strange[0]!r}, which is no tensor'
        raise UnreadableWeights(path, problem, "save the tensors as .safetensors")
    return {str(name): tensor.float() for name, tensor in state.items()}


def _refused(path: Path, error: Exception) -> UnreadableWeights:
    """Say what a pickled file holds besides tensors, if the library says it."""
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    if named is None:
        return UnreadableWeights(path, "broken, or no file of tensors", "download it again")
    problem = f"holds {named[1]}, which may run code; nothing of the file was run"
    return UnreadableWeights(path, problem, "ask its author for a .safetensors file")
