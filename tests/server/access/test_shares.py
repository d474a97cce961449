"""A share belongs to an API key, or to what one client has of addresses."""

from __future__ import annotations

import pytest

from server.access.keys import sha256_of
from server.access.shares import Shares, network_of, of_key
from server.configuration.api_key import ApiKey

SHARES = Shares({"mine": ApiKey(sha256=sha256_of("secret"))})


def test_a_known_key_has_a_share_wherever_it_comes_from() -> None:
    headers = [(b"authorization", b"Bearer secret")]
    assert SHARES.of(headers, "10.0.0.1") == SHARES.of(headers, "10.0.0.2") == of_key("mine")


def test_made_up_keys_make_no_shares() -> None:
    assert SHARES.of([(b"authorization", b"Bearer guess")], "10.0.0.1") == ("address", "10.0.0.1")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
        ("2001:db8::1", "2001:db8:0:0"),
        ("::1", ":0:0:0"),
    ],
)
def test_an_ipv6_client_has_sixty_four_bits(address: str, network: str) -> None:
    assert network_of(address) == network
