"""Our pages: served with their headers, small, whole, and with no address but ours in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from server.access.keys import sha256_of
from server.apis.pages.files import STATIC, page_files
from tests.server.kit.ready_client import ready_client

MOST_BYTES = 150_000
KEYS = {"visitor": {"sha256": sha256_of("otmv-visitor")}}
FILES = page_files()
TEXTS = {name: file.body.decode() for name, file in FILES.items() if b"\xff" not in file.body}
_REFERENCES = re.compile(r"""(?:src|href|from)\s*=?\s*["']([^"']+)["']""")


@pytest.fixture(scope="module")
def site() -> Iterator[TestClient]:
    with ready_client() as client:
        yield client


@pytest.mark.parametrize("address", FILES)
def test_every_file_is_served_as_what_it_is(site: TestClient, address: str) -> None:
    answer = site.get(address)
    assert answer.status_code == 200
    assert answer.content == FILES[address].body
    kind = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
    ending = FILES[address].name.rpartition(".")[2]
    assert answer.headers["content-type"].startswith(kind.get(ending, "image/"))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_nothing_that_lies_there_is_left_out() -> None:
    lying = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert {file.name for file in FILES.values()} == lying


def test_the_policy_lets_a_page_load_and_ask_nothing_but_this_server(site: TestClient) -> None:
    policy = site.get("/").headers["content-security-policy"]
    rules = {words[0]: words[1:] for rule in policy.split(";") if (words := rule.split())}
    assert rules["default-src"] == ["'none'"]
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert rules["require-trusted-types-for"] == ["'script'"]
    sources = {source for name, values in rules.items() if "-src" in name for source in values}
    assert sources == {"'none'", "'self'", "blob:"}
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == ["'self'"]


def test_the_policy_forbids_nothing_that_a_page_does() -> None:
    for name, text in TEXTS.items():
        if not name.endswith(".svg"):
            assert not re.search(r"\sstyle=|\son\w+=\"|<script>|<style|innerHTML|eval\(", text), (
                name
            )


def test_no_file_names_another_server() -> None:
    for name, text in TEXTS.items():
        named = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text))
        assert named <= {"http://www.w3.org"}, name  # the name of SVG, which nobody asks


def test_whatever_a_file_refers_to_is_there() -> None:
    for name, text in TEXTS.items():
        folder = name.rpartition("/")[0] + "/"
        for reference in _REFERENCES.findall(text) if not name.endswith(".svg") else ():
            if re.match(r"\.{1,2}/", reference):
                parts = (folder + reference).replace("/./", "/")
                reference = re.sub(r"/[^/]+/\.\./", "/", parts)
            if reference.startswith("/assets/"):
                assert reference in FILES, f"{name}: {reference}"


def test_all_files_together_are_small() -> None:
    assert sum(len(file.body) for file in FILES.values()) <= MOST_BYTES


def test_a_copy_that_is_still_right_is_not_sent_again(site: TestClient) -> None:
    first = site.get("/")
    assert first.headers["cache-control"] == "no-cache"
    for mark in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = site.get("/", headers={"If-None-Match": mark})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert site.get("/docs").headers["etag"] != first.headers["etag"]
    assert site.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_and_other_methods(site: TestClient) -> None:
    head = site.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert site.post("/").status_code == 405
    assert site.get("/assets/playground/../../files.py").status_code == 404
    assert site.get("/assets/none.js").status_code == 404
    assert site.get("/redoc").status_code == 404


@pytest.mark.parametrize("changes", [{"playground": False}, {"playground": False, "keys": KEYS}])
def test_the_playground_can_be_turned_off_and_the_reference_stays(changes: dict[str, Any]) -> None:
    with ready_client(**changes) as client:
        for address, file in FILES.items():
            off = address == "/" or file.name.startswith("playground/")
            assert client.get(address).status_code == (404 if off else 200), address


def test_pages_need_no_key_but_what_they_ask_does() -> None:
    with ready_client(keys=KEYS, guard_metrics=True) as client:
        for address in FILES:
            assert client.get(address).status_code == 200, address
        for address in ("/v1/variants", "/v1/activity", "/metrics", "/assets/", "/assets/other"):
            assert client.get(address).status_code == 401, address
        known = {"Authorization": "Bearer otmv-visitor"}
        assert client.get("/v1/activity", headers=known).status_code == 200


def test_pages_are_not_in_the_document_of_the_api(site: TestClient) -> None:
    assert not set(FILES) & set(site.get("/openapi.json").json()["paths"])
