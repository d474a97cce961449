"""The pages for everybody: by keyboard, on a phone, in the dark, with API keys, while it loads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.clients
KEY = "otmv-visitor"
KEYS = f'{{"visitor": {{"sha256": "{hashlib.sha256(KEY.encode()).hexdigest()}"}}}}'
Violations = Callable[[Any], list[str]]


@pytest.fixture(scope="module")
def guarded(serve: Any) -> str:
    """Serve the demo to those who have a key."""
    return str(serve({"OTMV_KEYS": KEYS, "OTMV_GUARD_METRICS": "true"}))


def ask_everything(page: Any) -> None:
    page.wait_for_selector("#examples img")
    page.click("#examples li:nth-child(1) button")
    page.wait_for_selector(".picture.full")
    page.click("#ask")
    page.wait_for_selector(".series")
    page.click("#ask-all")
    page.wait_for_selector("#all tbody tr:nth-child(5)")
    page.wait_for_selector("#now .legend")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(visit: Any, violations: Violations, width: int, scheme: str) -> None:
    page = visit(width=width, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_selector("#examples img")
    assert violations(page) == []
    ask_everything(page)
    page.evaluate("document.getElementById('quality').value = 1")
    page.click("#ask")
    page.wait_for_selector("#trouble .trouble")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_reference(
    visit: Any, violations: Violations, scheme: str
) -> None:
    page = visit("/docs", width=360, color_scheme=scheme)
    page.wait_for_selector("details.route")
    page.evaluate("document.querySelectorAll('details.route').forEach(one => one.open = true)")
    page.wait_for_selector("details.inner")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_reference_shows_every_route(visit: Any) -> None:
    page = visit("/docs")
    page.wait_for_selector("details.route")
    paths = page.locator("details.route .path").all_inner_texts()
    assert {"/v1/vqa", "/v1/chat/completions", "/v1/activity", "/healthz"} <= set(paths)
    page.fill("#wanted", "/v1/caption")
    shown = page.locator("details.route:not([hidden]) .path").all_inner_texts()
    assert shown == ["/v1/caption"]
    page.click("details.route:not([hidden]) summary")
    page.wait_for_selector("details.route:not([hidden]) details.inner")
    told = page.inner_text("details.route:not([hidden])")
    for words in ("max_new_tokens", "X-Otmv-Max-Latency-Ms", "multipart/form-data", "queue-full"):
        assert words in told
    assert page.is_visible("#to-playground")


def test_all_of_it_with_the_keyboard(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if seen[-1] == "BUTTON" and not page.locator(".picture.full").count():
            page.keyboard.press("Enter")  # the first example
            page.wait_for_selector(".picture.full")
        if seen[-1] == "ask":
            break
    assert {"text", "deadline", "quality", "reject"} <= set(seen)
    assert seen[-1] == "ask"
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer .series")
    assert page.evaluate("document.activeElement.id") == "ask"
    page.focus("input[name=task]:checked")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#ask") == "Caption"


def test_a_key_is_asked_for_and_kept_in_memory_only(visit: Any, guarded: str) -> None:
    page = visit(at=guarded)
    page.wait_for_selector("#key-form:not([hidden])")
    assert page.locator("#playground").is_hidden()
    page.fill("#key", "otmv-wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#trouble .trouble")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#examples img")
    assert page.locator("#key-form").is_hidden()
    assert page.inner_text("#trouble") == ""
    ask_everything(page)
    assert "$OTMV_KEY" in page.inner_text("#lines code")
    assert KEY not in page.content()
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert page.evaluate(kept) == '[{},{},""]'
    page.reload()
    page.wait_for_selector("#key-form:not([hidden])")


def test_the_panel_shows_what_others_ask(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    other = visit()
    ask_everything(other)
    page.bring_to_front()
    page.wait_for_selector("#now .legend")
    told = page.inner_text("#now")
    assert "requests per second" in told
    assert "full" in told
    assert "on time" in told


def test_a_page_that_came_before_the_model_waits_for_it(visit: Any, server: str) -> None:
    page = visit("/docs")
    context = page.context
    answers = iter([503, 503])

    def loading(route: Any) -> None:
        if next(answers, None) is None:
            route.continue_()
        else:
            body = '{"type": "urn:otmv:problem:not-ready", "status": 503, "detail": "loading"}'
            route.fulfill(status=503, content_type="application/problem+json", body=body)

    context.route("**/v1/variants", loading)
    page.goto(server)
    page.wait_for_selector("#served:has-text('The model is')")
    page.wait_for_selector("#examples img")
