"""LangChain's `ChatOpenAI`, as its users call it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

langchain = pytest.importorskip("langchain_openai")
messages = pytest.importorskip("langchain_core.messages")
pytestmark = pytest.mark.clients


def test_a_question_and_a_streamed_caption(server: str, picture: Path) -> None:
    chat = langchain.ChatOpenAI(
        model="demo", base_url=f"{server}/v1", api_key="none", max_retries=0
    )
    url = "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()
    image: dict[str, Any] = {"type": "image_url", "image_url": {"url": url}}
    question = {"type": "text", "text": "how many things are there?"}
    assert chat.invoke([messages.HumanMessage([question, image])]).content.isdigit()
    pieces = [chunk.content for chunk in chat.stream([messages.HumanMessage([image])])]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces)
