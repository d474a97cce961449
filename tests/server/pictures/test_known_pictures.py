"""Pictures that are kept decoded: which, whose, how many bytes, and that nothing else changes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from engine.tasks.vqa import VqaInput
from engine.telemetry import Telemetry
from server.access.keys import sha256_of
from server.pictures.decoder import Decoder
from server.pictures.known_pictures import SLICE_BYTES, KnownPictures, PictureKey
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.ready_client import ready_client

ENTRY = 4 * 4 * 3 + 512
"""Bytes that a picture of 4 px counts."""


def pixels(level: int) -> NDArray[np.uint8]:
    return np.full((4, 4, 3), level, np.uint8)


def key(name: str, tenant: str = "") -> PictureKey:
    return PictureKey(tenant, name.encode(), 4)


def lookups(telemetry: Telemetry) -> tuple[float | None, ...]:
    read = telemetry.registry.get_sample_value
    return tuple(
        read("otmv_picture_lookups_total", {"outcome": outcome}) for outcome in ("hit", "miss")
    )


def test_what_is_kept_is_found_and_counted() -> None:
    telemetry = Telemetry()
    known = KnownPictures(10 * ENTRY, telemetry)
    assert known.find(key("a")) is None
    known.keep(key("a"), pixels(1))
    found = known.find(key("a"))
    assert found is not None
    assert np.array_equal(found, pixels(1))
    assert not found.flags.writeable
    assert known.held_bytes == ENTRY
    assert lookups(telemetry) == (1, 1)


def test_another_tenant_or_size_finds_nothing() -> None:
    known = KnownPictures(10 * ENTRY, Telemetry())
    known.keep(key("a", "one"), pixels(1))
    assert known.find(key("a", "two")) is None
    assert known.find(PictureKey("one", b"a", 8)) is None


def test_those_asked_about_longest_ago_go_first_and_bytes_are_bounded() -> None:
    known = KnownPictures(3 * ENTRY, Telemetry())
    for name in "abc":
        known.keep(key(name), pixels(1))
    known.find(key("a"))
    known.keep(key("d"), pixels(1))
    assert known.held_bytes == 3 * ENTRY
    assert [name for name in "abcd" if known.find(key(name)) is not None] == ["a", "c", "d"]


def test_a_picture_larger_than_all_room_is_not_kept() -> None:
    known = KnownPictures(ENTRY - 1, Telemetry())
    known.keep(key("a"), pixels(1))
    assert (known.held_bytes, known.find(key("a"))) == (0, None)


@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES, SLICE_BYTES + 1, 5 * SLICE_BYTES - 1])
def test_a_picture_is_known_by_the_sha256_of_all_its_bytes(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    made = asyncio.run(KnownPictures(ENTRY, Telemetry()).key("t", bytearray(data), 32))
    assert made == PictureKey("t", hashlib.sha256(data).digest(), 32)


def test_others_have_their_turn_after_every_slice() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def hash_it() -> None:
        beside = asyncio.ensure_future(others())
        await KnownPictures(ENTRY, Telemetry()).key("", bytes(10 * SLICE_BYTES), 32)
        beside.cancel()

    asyncio.run(hash_it())
    assert turns >= 9


def test_without_room_nothing_is_hashed() -> None:
    telemetry = Telemetry()
    known = KnownPictures(0, telemetry)
    assert asyncio.run(known.key("t", b"x", 32)) is None
    assert known.find(None) is None
    assert lookups(telemetry) == (0, 0)


IMAGE = base64.b64encode(sample_pictures.png()).decode()


def ask(client: TestClient, **headers: str) -> dict[str, Any]:
    body = {"image": IMAGE, "question": "what color?"}
    response = client.post("/v1/vqa", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return dict(response.json()["answers"][0])


def test_a_second_question_skips_decoding_and_sees_the_same_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    telemetry, pool, decodes = Telemetry(), FakePool(), []
    decode = Decoder.decode

    def counted(*arguments: Any) -> Any:
        decodes.append(arguments)
        return decode(*arguments)

    monkeypatch.setattr(Decoder, "decode", counted)
    with ready_client(pool, telemetry) as client:
        first, second = ask(client), ask(client)
    assert lookups(telemetry) == (1, 1)
    assert first["timings_ms"]["decode"] > 0
    assert second["timings_ms"]["decode"] == second["timings_ms"]["preprocess"] == 0
    one, other = (each.pixels for each in pool.seen if isinstance(each, VqaInput))
    assert np.array_equal(one, other)
    assert len(decodes) == 1
    held = telemetry.registry.get_sample_value("otmv_kept_picture_bytes")
    assert held == one.nbytes + 512


def test_one_setting_turns_it_off() -> None:
    telemetry = Telemetry()
    with ready_client(FakePool(), telemetry, picture_cache=0) as client:
        decoded = [ask(client)["timings_ms"]["decode"] for _ in range(2)]
    assert all(each > 0 for each in decoded)
    assert lookups(telemetry) == (0, 0)


def test_each_api_key_has_pictures_of_its_own() -> None:
    telemetry = Telemetry()
    keys = {name: {"sha256": sha256_of(name)} for name in ("one", "two")}
    with ready_client(FakePool(), telemetry, keys=keys) as client:
        for name in ("one", "two", "one"):
            ask(client, Authorization=f"Bearer {name}")
    assert lookups(telemetry) == (1, 2)
