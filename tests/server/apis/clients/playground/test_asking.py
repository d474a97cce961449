"""The playground asks a real server: questions, captions, statements, every variant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.clients
EXAMPLE = "#examples li:nth-child({}) button"
DROPPED = """([where, kind, name, type, data]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(data)], name, {type}));
  const how = {bubbles: true, cancelable: true, clipboardData: files, dataTransfer: files};
  const event = kind === "paste" ? new ClipboardEvent(kind, how) : new DragEvent(kind, how);
  document.querySelector(where).dispatchEvent(event);
}"""


def take_example(page: Any, number: int, pictures: int = 1) -> None:
    page.click(EXAMPLE.format(number))
    page.locator(".picture.full").nth(pictures - 1).wait_for()


def ask(page: Any) -> dict[str, Any]:
    """Ask, and return the answer that the server gave."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as given:
        page.click("#ask")
    body: dict[str, Any] = given.value.json()
    page.wait_for_selector("#answer .series")
    return body["answers"][0]


def slide(page: Any, name: str, value: float) -> None:
    page.evaluate(
        "([id, value]) => { const slider = document.getElementById(id); slider.value = value;"
        " slider.dispatchEvent(new Event('input', {bubbles: true})); }",
        [name, value],
    )


def test_a_question_is_answered_and_its_blocks_light_up(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    assert "demo" in page.inner_text("#served")
    take_example(page, 1)
    answer = ask(page)
    assert page.inner_text(".said") == answer["answer"] == "green"
    assert page.locator(".top-answers li").count() == len(answer["top_k"])
    blocks = page.locator(".series .block:not(.end)")
    bits = answer["skip_pattern"]["bits"]
    assert blocks.count() == len(bits)
    lit = [blocks.nth(at).get_attribute("class").split() for at in range(len(bits))]
    assert "".join("1" if "lit" in names else "0" for names in lit) == bits
    ran = answer["skip_pattern"]["executed_orders"]
    assert [at for at, names in enumerate(lit) if "stop" in names] == [max(ran)]
    said = page.inner_text("#answer")
    assert f"Variant {answer['variant']} answered: {len(ran)} of {len(bits)} blocks" in said
    assert "in time" in said
    for phase in answer["timings_ms"]:
        assert phase == "total" or phase in said
    widths = page.eval_on_selector_all(
        "#answer .phases i", "all => all.map(each => parseFloat(each.style.width))"
    )
    assert len(widths) == len(answer["timings_ms"])
    assert sum(widths) == pytest.approx(100, abs=0.1)


def test_a_caption_is_written_piece_by_piece(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    page.get_by_label("Caption").check(force=True)
    assert page.locator("#text-part").is_hidden()
    take_example(page, 2)
    page.evaluate(
        "() => { window.seen = []; new MutationObserver(() => {"
        " const text = document.querySelector('.said')?.textContent;"
        " if (text && text !== seen.at(-1)) seen.push(text); })"
        ".observe(document.getElementById('answer'), {childList: true, subtree: true}); }"
    )
    page.click("#ask")
    page.wait_for_selector("#answer .series")
    whole = page.inner_text(".said")
    seen = page.evaluate("seen")
    assert "blue circle" in whole
    assert len(seen) > 3
    assert all(whole.startswith(text.rstrip()) for text in seen)


def test_two_pictures_are_compared(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    page.get_by_label("Compare").check(force=True)
    take_example(page, 1)
    page.click("#ask")
    assert "two pictures" in page.inner_text("#trouble")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Right picture"
    take_example(page, 2, pictures=2)
    assert page.inner_text("#trouble") == ""
    answer = ask(page)
    assert answer["statement"] == page.input_value("#text")
    assert page.inner_text(".said") == str(answer["answer"]).lower()


def test_a_near_deadline_stops_sooner_and_says_why(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    take_example(page, 1)
    slide(page, "deadline", 0)
    assert page.inner_text("#deadline-said") == "1 ms"
    answer = ask(page)
    assert answer["degraded_because"]["reason"] in ("late", "time")
    said = page.inner_text("#answer")
    assert "deadline" in said
    assert answer["degraded_because"]["variant"] in said
    assert page.locator(".block.lit").count() == answer["executed_blocks"] < 8
    page.get_by_label("Refuse rather than answer late").check()
    page.click("#ask")
    page.wait_for_selector("#trouble .trouble")
    assert "Give it more time" in page.inner_text("#trouble")
    assert page.inner_text("#answer") == "No answer."


def test_a_quality_leaves_variants_out(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    take_example(page, 1)
    slide(page, "deadline", 0)
    slide(page, "quality", 0.89)
    assert page.inner_text("#quality-said") == "0.89 · d4, full"
    assert ask(page)["variant"] in ("d4", "full")
    slide(page, "quality", 1)
    page.click("#ask")
    page.wait_for_selector("#trouble .trouble")
    said = page.inner_text("#trouble")
    assert "nearest offer" in said
    assert "Lower the quality" in said


def test_every_variant_is_asked_side_by_side(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    take_example(page, 1)
    page.click("#ask-all")
    rows = page.locator("#all tbody tr")
    page.wait_for_selector("#all tbody tr:nth-child(5)")
    variants = [rows.nth(at).locator("th").inner_text() for at in range(5)]
    assert variants == ["d1", "d2", "d3", "d4", "full"]
    assert "green" in rows.nth(4).inner_text()


@pytest.mark.parametrize("how", ["drop", "paste", "choose"])
def test_a_picture_of_ones_own(visit: Any, picture: Path, how: str) -> None:
    page = visit()
    page.wait_for_selector("#examples img")
    if how == "choose":
        page.set_input_files(".picture input", picture)
    else:
        where = ".picture input" if how == "drop" else "body"
        page.evaluate(DROPPED, [where, how, "mine.jpg", "image/jpeg", list(picture.read_bytes())])
    page.wait_for_selector(".picture.full img")
    page.fill("#text", "how many dogs are there?")
    assert "“dogs”" in page.inner_text("#unread")
    assert ask(page)["question"] == "how many dogs are there?"


def test_what_is_no_picture_is_said_to_be_none(visit: Any, tmp_path: Path) -> None:
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"no picture")
    page = visit()
    page.wait_for_selector("#examples img")
    page.set_input_files(".picture input", fake)
    page.click("#ask")
    page.wait_for_selector("#trouble .trouble")
    assert "Send a JPEG, PNG" in page.inner_text("#trouble")


@pytest.mark.parametrize("kind", ["curl", "Python", "OpenAI"])
@pytest.mark.parametrize("task", ["Ask", "Caption", "Compare"])
def test_the_lines_to_copy_do_the_same(
    visit: Any, tmp_path: Path, otmv_python: str, kind: str, task: str
) -> None:
    if kind == "OpenAI":
        pytest.importorskip("openai")
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.wait_for_selector("#examples img")
    page.get_by_label(task, exact=True).check(force=True)
    for number in (1, 2) if task == "Compare" else (1,):
        take_example(page, number, number)
    slide(page, "quality", 0.1)
    page.click("#ask")
    page.wait_for_selector("#lines-part:not([hidden])")
    said = page.inner_text(".said")
    fetch = page.inner_text("#lines code")
    page.get_by_label(kind).check(force=True)
    page.get_by_role("button", name="Copy").click()
    page.wait_for_selector("#lines [role=status]:has-text('Copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    fetched = "\n".join(line for line in fetch.splitlines() if line.startswith("curl -sO"))
    subprocess.run(["sh", "-ec", fetched], cwd=tmp_path, check=True)
    python = otmv_python if kind == "Python" else sys.executable
    words = ["sh", "-ec"] if kind == "curl" else [python, "-c"]
    ran = subprocess.run([*words, copied], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert said in ran.stdout.replace("True", "true").replace("False", "false")
