"""Backends by name: what is unknown, missing, or of no use on this machine."""

from __future__ import annotations

import sys

import pytest

from engine.backends import registry
from engine.backends.registry import backend_names, candidate_backends, open_backend
from engine.errors import LoadFailed


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LoadFailed, match="onnxruntime"):
        open_backend("abacus")
    assert "onnxruntime" in backend_names()


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "engine.backends.torch.backend", None)
    with pytest.raises(LoadFailed, match=r"not installed.*pip install .*\[torch\]'"):
        open_backend("torch")


@pytest.mark.parametrize(("release", "device"), [("2.13.0+cpu", True), ("2.13.0", False)])
def test_auto_leaves_torch_out_without_a_device(
    monkeypatch: pytest.MonkeyPatch, release: str, device: bool
) -> None:
    both = {"onnxruntime": "1", "torch": "2.13.0"}
    monkeypatch.setattr(registry, "installed_backends", lambda: dict(both))
    monkeypatch.setattr(registry, "has_cuda", lambda: True)
    assert candidate_backends() == both
    both["torch"] = release
    monkeypatch.setattr(registry, "has_cuda", lambda: device)
    assert candidate_backends() == {"onnxruntime": "1"}
