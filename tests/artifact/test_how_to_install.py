"""A hint to install something names where this package came from: it may not be published."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from artifact import errors
from artifact.errors import how_to_install


class Installed:
    """A distribution whose pip wrote down where it came from."""

    def __init__(self, origin: object) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        return None if self._origin is None else json.dumps(self._origin)


TREE = {"url": "file:///home/me/my%20tree", "dir_info": {"editable": True}}
COPY = {"url": "file:///home/me/tree", "dir_info": {}}
WHEEL = {"url": "file:///tmp/otmv_serve-0.1.0-py3-none-any.whl", "archive_info": {}}


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (TREE, ["-e", "/home/me/my tree[tune]"]),
        (COPY, ["/home/me/tree[tune]"]),
        (WHEEL, [f"otmv-serve[tune] @ {WHEEL['url']}"]),
        (None, ["otmv-serve[tune]"]),
        ([], ["otmv-serve[tune]"]),
    ],
)
def test_an_extra_comes_from_where_the_package_came(
    monkeypatch: pytest.MonkeyPatch, origin: object, words: list[str]
) -> None:
    monkeypatch.setattr(errors, "distribution", lambda name: Installed(origin))
    python, *rest = shlex.split(how_to_install("tune"))
    assert Path(python).resolve() == Path(sys.executable).resolve()
    assert rest == ["-m", "pip", "install", *words]


def test_options_come_before_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "distribution", lambda name: Installed(TREE))
    words = shlex.split(how_to_install("otel", "--force-reinstall"))
    assert words[3:] == ["install", "--force-reinstall", "-e", "/home/me/my tree[otel]"]


def test_a_tree_nearby_is_named_as_it_is_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    near = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(errors, "distribution", lambda name: Installed(near))
    assert how_to_install("tune").endswith("-e '.[tune]'")
