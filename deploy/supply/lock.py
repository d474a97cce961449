"""Write requirements/*.txt: every package that is installed, with its version and its hashes.

`make lock` runs this; `make lock LOCK="--upgrade"` takes newer versions. Each file is whole, so pip
installs from it with --require-hashes. One resolution serves all: developers have what serves.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.supply.torch_cpu import TORCH_CPU_SHA256, TORCH_CPU_VERSION

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"


@dataclass(frozen=True)
class Lock:
    """One file of requirements: its name, the extras it has, and what is resolved beside them."""

    name: str
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    project: bool = True
    """Whether the project's own dependencies are in it."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return FOLDER / f"{self.name}.txt"


DEVELOP = Lock("develop", ("dev",))
OTHERS = (
    Lock("serve"),
    Lock("tensorrt", ("tensorrt",)),
    Lock("tensorrt-rtx", ("tensorrt-rtx",)),
    Lock("torch", ("torch",)),
    Lock("rivals", ("rivals",)),
    Lock("reference", packages=("torchscale", "fairscale", "beit3-gml"), project=False),
    Lock("build", packages=("hatchling", "editables"), project=False),
    Lock("supply", packages=("cyclonedx-bom[validation]", "pip-audit"), project=False),
    Lock("lock", packages=("uv",), project=False),
    # atheris 3.1 has no build for CPython 3.11.
    Lock("fuzz", packages=("atheris<3.1",), project=False),
    # schemathesis asks a live server whatever its OpenAPI page allows; its hooks draw pictures.
    Lock("api", packages=("schemathesis>=4.32,<5", "pillow"), project=False),
    # Clients that others wrote, against a server in .venv: tests/server/apis/clients.
    Lock(
        "clients",
        packages=(
            "openai>=3.50",
            "tritonclient[http,grpc]",  # grpc: in a process of its own, see grpc_client.py
            "kserve",
            "langchain-openai",
            "jsonschema",  # answers against published schemas
            "httpx",  # the line of Python that the playground shows
            "huggingface-hub",
            "playwright>=1.65",  # Chromium before our pages
            "pytest",
            "pytest-timeout",
        ),
        project=False,
    ),
    Lock("mutants", packages=("cosmic-ray",), project=False),
)
_ALONE = frozenset({"reference"})
"""Installed with --no-deps: their own requirements pull what nothing here needs."""
_FREE = frozenset({"rivals", "clients"})
"""Not held to the versions that developers have: other programs, which need others of some."""
_PYTHON = "3.11"
_CUDA_OF_TORCH = re.compile(r"(nvidia-|cuda-toolkit==|triton==)")


def main(options: Sequence[str]) -> None:
    """Write every file; `options` go to uv."""
    for lock in (DEVELOP, *OTHERS):
        _compile(lock, options)
        text = _with_cpu_torch(lock.path.read_text("utf-8"))
        if lock is DEVELOP:
            text = _without_cuda(text)
        lock.path.write_text(_header(lock) + text, "utf-8")


def _compile(lock: Lock, options: Sequence[str]) -> None:
    words = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", _PYTHON]
    words += ["--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"]
    words += [f"--extra={extra}" for extra in lock.extras]
    words += ["--no-deps"] if lock.name in _ALONE else []
    if lock is not DEVELOP and lock.name not in _FREE:
        words += [f"--constraint={DEVELOP.path}"]
    sources = ["pyproject.toml"] if lock.project else ["-"]
    subprocess.run(
        [*words, f"--output-file={lock.path}", *options, *sources],
        input="\n".join(lock.packages),
        cwd=ROOT,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _header(lock: Lock) -> str:
    asked = " ".join([*(f"[{extra}]" for extra in lock.extras), *lock.packages])
    return f"# Written by `make lock`: {asked or 'the plain install'}.\n"


def _with_cpu_torch(text: str) -> str:
    """Return requirements that take the builds of torch for processors, too, if torch is there."""
    start = f"torch=={TORCH_CPU_VERSION} \\\n"
    missing = [sha256 for sha256 in TORCH_CPU_SHA256 if sha256 not in text]
    hashes = "".join(f"    --hash=sha256:{sha256} \\\n" for sha256 in missing)
    return text.replace(f"\n{start}", f"\n{start}{hashes}")


def _without_cuda(text: str) -> str:
    """Return requirements without what only torch's builds for GPUs load."""
    blocks = re.split(r"(?m)^(?=\S)", text)
    return "".join(block for block in blocks if not _CUDA_OF_TORCH.match(block))


if __name__ == "__main__":
    main(sys.argv[1:])
