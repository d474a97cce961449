"""API keys: made at random, and found again by their sum."""

from __future__ import annotations

import hashlib

from server.access.keys import KeyRing, fresh_key, sha256_of
from server.configuration.api_key import ApiKey


def test_a_ring_finds_each_key_and_no_other() -> None:
    made = {f"k{index}": fresh_key() for index in range(20)}
    ring = KeyRing({name: ApiKey(sha256=sha256_of(key)) for name, key in made.items()})
    assert {ring.name_of(key.encode()) for key in made.values()} == set(made)
    assert ring.name_of(fresh_key().encode()) is None
    assert ring.name_of(b"") is None


def test_fresh_keys_are_long_random_and_fit_a_header() -> None:
    made = {fresh_key() for _ in range(100)}
    assert len(made) == 100
    for key in made:
        assert key.isascii()
        assert " " not in key
        assert len(key) == len("otmv-") + 43
        assert sha256_of(key) == hashlib.sha256(key.encode()).hexdigest()
