from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from artifact.errors import how_to_install
from engine.backends.registry import installed_backends
from loadtests.slo import bench, servers


def test_an_environment_that_lacks_a_rival_names_the_line_to_type(tmp_path: Path) -> None:
    assert servers.missing("mosec", tmp_path) == (
        "mosec is not installed: make .venv-rivals/.installed"
    )
    (tmp_path / "lib/python3.11/site-packages/mosec-0.9.8.dist-info").mkdir(parents=True)
    assert servers.missing("mosec", tmp_path) is None
    assert servers.version_in(tmp_path, "mosec") == "0.9.8"
    assert servers.missing("ray", tmp_path) is not None


def test_ours_is_served_with_its_access_log_on_the_backend_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[Any] = []

    @contextmanager
    def serving(
        artifact: Path, backend: str, cache: Path, settings: Mapping[str, str]
    ) -> Iterator[Any]:
        given.append((backend, settings))
        yield SimpleNamespace(process=SimpleNamespace(pid=7), host="127.0.0.1", port=1)

    monkeypatch.setattr(servers, "serving", serving)
    with servers.ours(tmp_path, tmp_path, "openvino") as server:
        assert server == servers.Running(7, "127.0.0.1", 1)
    assert given == [("openvino", {"OTMV_ACCESS_LOG": "true"})]


def test_every_rival_runs_on_a_library_that_ours_has_too() -> None:
    assert {rival.backend for rival in servers.RIVALS.values()} <= set(installed_backends())


def test_a_rival_needs_ours_on_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lib/python3.11/site-packages/openvino-2026.4.dist-info").mkdir(parents=True)
    assert bench.absent("openvino", tmp_path) is None
    monkeypatch.setattr(bench, "installed_backends", lambda: ("onnxruntime",))
    why = bench.absent("openvino", tmp_path)
    assert why == f"our server on openvino is not installed: {how_to_install('openvino')}"
