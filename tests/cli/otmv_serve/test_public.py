"""The names of the package, and what importing it does not do."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import otmv_serve
from otmv_serve import public

ROOT = Path(__file__).parents[3]
_IMPORTED = """
import json, sys
before = list(sys.path)
import otmv_serve
light = sorted({name.partition(".")[0] for name in sys.modules})
client = otmv_serve.OtmvClient("http://127.0.0.1:1")
heavy = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([sys.path == before, light, heavy, client.ask.__qualname__]))
"""


def test_every_public_name_is_exported_and_no_other() -> None:
    imported = {
        alias.asname or alias.name
        for node in ast.parse(Path(str(public.__file__)).read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert sorted(imported) == public.__all__ == otmv_serve.__all__ == dir(otmv_serve)
    for name in public.__all__:
        assert getattr(otmv_serve, name) is getattr(public, name)


def test_every_class_of_its_modules_that_has_no_underscore_is_public_or_for_the_inside() -> None:
    inside = {"Connected", "EventReader", "Sendable", "Tries"}
    found = {
        node.name
        for path in (ROOT / "otmv_serve").glob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    assert found - inside == set(public.__all__) - {"Image"}


def test_a_name_that_is_not_there_is_named() -> None:
    for name in ("OtmvServer", "_hidden"):
        with pytest.raises(AttributeError, match=f"'otmv_serve' has no attribute '{name}'"):
            getattr(otmv_serve, name)


def test_a_star_import_has_them_all() -> None:
    found: dict[str, object] = {}
    exec("from otmv_serve import *", found)
    assert set(public.__all__) <= found.keys()


def test_it_imports_nothing_of_the_server_where_a_user_has_modules_of_those_names(
    tmp_path: Path,
) -> None:
    for name in ("server", "engine", "models", "artifact", "cli", "errors", "client", "budget"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the user\\'s own')\n", "utf-8")
    (tmp_path / "ask.py").write_text(_IMPORTED, "utf-8")
    (tmp_path / "otmv_serve").symlink_to(ROOT / "otmv_serve")
    done = subprocess.run(
        [sys.executable, "ask.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    same_path, light, heavy, asked = json.loads(done.stdout)
    assert same_path
    assert asked == "OtmvClient.ask"
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert ours & set(heavy) == {"otmv_serve"}
    assert not {"httpx", "pydantic"} & set(light)
    assert not {"numpy", "fastapi", "onnxruntime", "torch"} & set(heavy)
