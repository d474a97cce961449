"""Which artifacts a reload takes, and with which API keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from artifact.store import Artifact
from server.access.keys import sha256_of
from server.engine_pool import Progress
from server.errors import ArtifactRefused
from server.lifecycle.reloader import Reloaded
from tests.server.kit.asgi_exchange import Exchange
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.reload_app import (
    JSON,
    make_reload_app,
    open_fake,
    post,
    running_state,
    write_folder,
)


@pytest.mark.parametrize(
    "where", ["outside", "inside/../outside", "inside", "inside/link", "inside/loop", "gone"]
)
def test_a_reload_looks_below_one_folder_only(folder: Path, where: str) -> None:
    for name, target in (("link", folder / "outside"), ("loop", Path("loop"))):
        link = folder / "inside" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    async def scenario() -> Exchange:
        app = make_reload_app(folder, FakePool(next=open_fake))
        async with running_state(app):
            return await post(app, b'{"artifact": "%s"}' % bytes(folder / where))

    found = asyncio.run(scenario())
    assert found.status == 403
    assert found.answer["type"] == "urn:otmv:problem:artifact-outside"
    assert "OTMV_ARTIFACTS_ROOT" in found.answer["detail"]


@pytest.mark.parametrize(("operator", "status"), [(True, 200), (False, 403)])
def test_with_api_keys_it_takes_an_operators(folder: Path, operator: bool, status: int) -> None:
    keys = {"alice": {"sha256": sha256_of("otmv-alice"), "operator": operator}}

    async def scenario() -> Exchange:
        app = make_reload_app(folder, FakePool(next=open_fake), keys=keys)
        async with running_state(app):
            return await post(app, **JSON, authorization="Bearer otmv-alice")

    found = asyncio.run(scenario())
    assert found.status == status
    if status == 403:
        assert found.answer["type"] == "urn:otmv:problem:not-operator"
        assert "operator = true" in found.answer["detail"]


def test_the_folder_may_be_another(folder: Path) -> None:
    async def scenario() -> Exchange:
        app = make_reload_app(folder, FakePool(next=open_fake), artifacts_root=folder)
        async with running_state(app):
            return await post(app, b'{"artifact": "%s"}' % bytes(folder / "outside"))

    assert asyncio.run(scenario()).status == 200


def test_links_are_followed_when_the_folder_is_read_again(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(folder / "inside/one")

    async def scenario() -> list[Path]:
        app = make_reload_app(folder, FakePool(next=chained), artifact=link)
        async with running_state(app) as serving:
            roots = [(await serving.reloader.reload()).after.root]
            link.unlink()
            link.symlink_to(folder / "inside/two")
            roots.append((await serving.reloader.reload()).after.root)
            return roots

    def chained(artifact: Artifact, progress: Progress) -> FakePool:
        return FakePool(artifact=artifact, next=chained)

    assert asyncio.run(scenario()) == [folder / "inside/one", folder / "inside/two"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 422),
        (b'{"path": "x"}', JSON, 422),
        (b'{"artifact": 3}', JSON, 422),
        (b'{"artifact": ""}', JSON, 422),
        (b'{"artifact": "/a\\u0000b"}', JSON, 422),
        (b"artifact=x", {"content-type": "text/plain"}, 415),
        (b'{"artifact": "relative"}', JSON, 403),
    ],
)
def test_a_wrong_body_is_refused(
    folder: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    async def scenario() -> Exchange:
        app = make_reload_app(folder, FakePool(next=open_fake))
        async with running_state(app):
            return await post(app, body, **headers)

    assert asyncio.run(scenario()).status == status


def test_it_is_off_unless_allowed(folder: Path) -> None:
    async def scenario() -> Exchange:
        app = make_reload_app(folder, FakePool(next=open_fake), reload=False)
        async with running_state(app):
            return await post(app, b"unread")

    found = asyncio.run(scenario())
    assert found.status == 403
    assert "OTMV_RELOAD=true" in found.answer["detail"]


def test_an_artifact_with_a_wrong_byte_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    write_folder(tmp_path)
    weights = tmp_path / "inside/one/weights.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)

    async def scenario() -> Reloaded:
        app = make_reload_app(tmp_path, FakePool(next=open_fake))
        async with running_state(app) as serving:
            return await serving.reloader.reload()

    with pytest.raises(ArtifactRefused, match="SHA-256"):
        asyncio.run(scenario())
