"""Which machine this is: what must be alike for times to be compared."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from artifact.latency.machine import machine_fingerprint
from loadtests.gpu.suite.rig import NotRun, Rig

_ASKED = ("name", "driver_version", "clocks.sm", "clocks.mem", "clocks.max.sm", "power.limit")
_LIBRARIES = ("torch", "triton", "numpy", "onnx", "onnxscript", "onnxruntime", "transformers")


def run(rig: Rig) -> None:
    """Find the processor, the GPU with its driver, clocks and memory, and library versions.

    Raises:
        NotRun: CUDA was asked for and torch has none.
    """
    rig.note("processor", machine_fingerprint())
    rig.note("python", platform.python_version())
    for name in _LIBRARIES:
        try:
            rig.note(f"libraries.{name}", version(name))
        except PackageNotFoundError:
            continue
    if not rig.device.is_cuda:
        return
    rig.note("nvidia_smi", asked())
    if not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        raise NotRun(f"torch {torch.__version__} (built for {built}) sees no GPU; --device cpu")
    gpu = torch.cuda.get_device_properties(0)
    facts: dict[str, Any] = {
        "name": gpu.name,
        "multiprocessors": gpu.multi_processor_count,
        "capability": f"{gpu.major}.{gpu.minor}",
        "memory_bytes": gpu.total_memory,
        "l2_bytes": getattr(gpu, "L2_cache_size", None),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }
    rig.note("gpu", facts)


def asked() -> dict[str, str]:
    """Return what nvidia-smi says of the first GPU; its own words, or why it says nothing."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return {"why_not": str(error)}
    first = done.stdout.strip().splitlines()[0]
    return dict(zip(_ASKED, (cell.strip() for cell in first.split(",")), strict=False))
