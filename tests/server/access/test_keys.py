"""API keys: made at random, and found again by their sum."""

from __future__ import annotations

import hashlib

import pytest

from server.access.keys import KeyRing, fresh_key, sha256_of
from server.configuration.api_key import ApiKey


def test_a_ring_finds_each_key_and_no_other() -> None:
    made = {f"k{index}": fresh_key() for index in range(20)}
    ring = KeyRing({name: ApiKey(sha256=sha256_of(key)) for name, key in made.items()})
    assert {ring.name_of(key.encode()) for key in made.values()} == set(made)
    assert ring.name_of(fresh_key().encode()) is None
    assert ring.name_of(b"") is None


@pytest.mark.parametrize("byte", range(32))
def test_every_byte_of_a_sum_counts(byte: int) -> None:
    key = fresh_key()
    almost = bytearray(hashlib.sha256(key.encode()).digest())
    almost[byte] ^= 1
    assert KeyRing({"k": ApiKey(sha256=almost.hex())}).name_of(key.encode()) is None


def test_a_sum_may_be_written_in_capitals() -> None:
    key = fresh_key()
    assert KeyRing({"k": ApiKey(sha256=sha256_of(key).upper())}).name_of(key.encode()) == "k"


def test_fresh_keys_are_long_random_and_fit_a_header() -> None:
    made = {fresh_key() for _ in range(100)}
    assert len(made) == 100
    for key in made:
        assert key.isascii()
        assert " " not in key
        assert len(key) == len("otmv-") + 43
        assert sha256_of(key) == hashlib.sha256(key.encode()).hexdigest()
