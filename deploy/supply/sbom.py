"""What is wrong with a bill of materials: `make sbom` makes one and ends with this check.

cyclonedx-py has validated it against the schema of CycloneDX before. Here: it lists what
requirements/serve.txt pins, with its licences, and says nothing of the machine it was made on.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2]
_PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.M)


def problems(document: dict[str, Any], lock: str, private: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a CycloneDX document of an environment made from a lock.

    `private` are words of the machine that it must not have. Packages of other platforms may be
    missing.
    """
    if document.get("bomFormat") != "CycloneDX":
        yield "it is no CycloneDX document"
    listed = {_key(each["name"]): each["version"] for each in document.get("components", ())}
    pinned = {_key(name): version for name, version in _PINNED.findall(lock)}
    for name, version in listed.items():
        if pinned.get(name) != version:
            yield f"{name} {version} is not what is pinned: {pinned.get(name)}"
    for name in ("fastapi", "onnxruntime", "pillow", "starlette", "uvicorn"):
        if name not in listed:
            yield f"{name} is missing"
    if document.get("metadata", {}).get("component", {}).get("name") != "otmv-serve":
        yield "it is not about otmv-serve"
    text = json.dumps(document)
    yield from (f"it says {word!r}" for word in private if word in text)


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(path: Path) -> int:
    """Check a file, print what is wrong, return 1 if anything is."""
    private = {"file:", str(FOLDER), str(Path.home()) + "/", f"//{socket.gethostname()}"}
    lock = (FOLDER / "requirements" / "serve.txt").read_text("utf-8")
    document = json.loads(path.read_text("utf-8"))
    found = list(problems(document, lock, private))
    print(*found or [f"{path}: {len(document['components'])} packages"], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
