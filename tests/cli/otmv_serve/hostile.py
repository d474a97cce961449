"""A folder in which a user has modules of our packages' names."""

from __future__ import annotations

from pathlib import Path

from structure.tree import PACKAGES

NAMES = (*(name for name in PACKAGES if name != "otmv_serve"), "client", "errors", "program")


def hostile_folder(folder: Path) -> Path:
    """Write modules that end whatever imports them, and say so; half of them are folders."""
    for index, name in enumerate(sorted(NAMES)):
        path = folder / name / "__init__.py" if index % 2 else folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise SystemExit('the user has a {name} too')\n", "utf-8")
    return folder
