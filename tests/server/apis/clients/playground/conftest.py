"""Chromium before our pages: whatever a page logs, or asks of another server, fails its test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
Open = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Start the browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs a browser (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, server: str) -> Iterator[Open]:
    """Open a page of the server; `at` is another server, other options are the browser's."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def opened(path: str = "/", at: str = server, width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: line.type == "error" and said.append(line.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(at + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "blob:"))] == []
    # Chromium logs every refusal that it gets; the pages show them.
    assert [line for line in said if "Failed to load resource" not in line] == []


@pytest.fixture
def violations() -> Callable[[Any], list[str]]:
    """Return what axe-core finds in a page."""
    if not AXE.exists():
        pytest.skip("needs axe-core: make test-playground fetches it")

    def found(page: Any) -> list[str]:
        page.evaluate(AXE.read_text("utf-8"))
        result = page.evaluate("axe.run()")
        assert len(result["passes"]) > 10
        return [
            f"{rule['id']}: {node['html'][:200]}"
            for rule in result["violations"]
            for node in rule["nodes"]
        ]

    return found
