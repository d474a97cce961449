"""Write down what a version of TensorRT's Python bindings offers, without TensorRT itself.

    python tests/exporters/tensorrt/api/snapshot.py WHEEL OUT.json

WHEEL is one of `tensorrt-cu12-bindings` or `tensorrt-cu13-bindings` (`pip download --no-deps`). The
bindings link against three libraries, of which they need a few C functions at import. Empty ones
are compiled here (a C compiler is needed), and the bindings are imported in a process of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

NAMES = (
    "Builder",
    "BuilderFlag",
    "ComputeCapability",
    "DataType",
    "ErrorCode",
    "IBuilderConfig",
    "ICudaEngine",
    "IExecutionContext",
    "IHostMemory",
    "ILogger",
    "INetworkDefinition",
    "IOptimizationProfile",
    "ITimingCache",
    "Logger",
    "MemoryPoolType",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "OnnxParserFlag",
    "ParserError",
    "Runtime",
    "TensorIOMode",
)
"""Classes and enumerations that are written down, where they exist."""


def surface(module: Any) -> dict[str, Any]:
    """Return the members of every class in `NAMES`, with their signatures, and enumerations."""
    found: dict[str, Any] = {"classes": {}, "enums": {}}
    for name in NAMES:
        one = getattr(module, name, None)
        if one is None:
            continue
        if hasattr(one, "__members__"):
            found["enums"][name] = sorted(one.__members__)
            continue
        members = {m: signature(getattr(one, m)) for m in dir(one) if not m.startswith("_")}
        members["__init__"] = signature(one.__init__)
        found["classes"][name] = members
    return found


def signature(member: Any) -> str:
    """Return the first line of a member's signature, "" if it has none.

    Types lose their modules and are written as older bindings write them.
    """
    lines = (getattr(member, "__doc__", None) or "").strip().splitlines()
    first = lines[0] if lines else ""
    if first.startswith(("__init__(*args", "Overloaded")) or "*args, **kwargs" in first:
        first = next((line for line in lines if line.startswith("1. ")), first)[3:]
    if "(" not in first or "->" not in first:
        return ""
    plain = re.sub(r"\b(?:[\w]+\.)+(?=\w)", "", first)
    for new, old in (("SupportsInt", "int"), ("SupportsFloat", "float"), ("Buffer", "buffer")):
        plain = plain.replace(new, old)
    return plain


def stubs(bindings: Path, folder: Path) -> None:
    """Compile the libraries that the bindings ask for, each function returning null."""
    text = subprocess.run(
        ["readelf", "-d", str(bindings)], capture_output=True, text=True, check=True
    ).stdout
    libraries = [name for name in re.findall(r"NEEDED.*\[(.*?)\]", text) if "nv" in name]
    symbols = subprocess.run(
        ["readelf", "--dyn-syms", "-W", str(bindings)], capture_output=True, text=True, check=True
    ).stdout
    wanted = sorted(
        name.partition("@")[0]
        for name in re.findall(r" UND (\S+)", symbols)
        if re.match(r"(create(Infer|NvOnnx)|get(Infer|NvOnnx|Plugin|Builder)|initLibNv)", name)
    )
    source = folder / "stub.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in wanted))
    for library in libraries:
        out = folder / library
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(out), str(source)], check=True)


def main(wheel: Path, out: Path) -> None:
    """Unpack the wheel, make the libraries, ask a child what is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        bindings = next(folder.rglob("tensorrt*.so"))
        stubs(bindings, folder)
        child = (
            f"import sys, json; sys.path[:0] = [{str(bindings.parent)!r}, {str(Path.cwd())!r}]; "
            "import tensorrt; from tests.exporters.tensorrt.api.snapshot import surface; "
            f"found = {{'version': {wheel.name.split('-')[1]!r}, **surface(tensorrt)}}; "
            "print(json.dumps(found, indent=1, sort_keys=True))"
        )
        environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
        done = subprocess.run(
            [sys.executable, "-c", child],
            env=environment,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        sys.exit(done.stderr)
    out.write_text(done.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
