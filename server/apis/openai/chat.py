"""`POST /v1/chat/completions`: a message becomes a task's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.apis.asking import budget_with, fields_of, task_for, task_in_words
from server.apis.exchange import AskedRequest, Given
from server.apis.model_name import ServedModel, read_model_name
from server.apis.openai.chat_reply import ChatReply
from server.apis.openai.chat_request import CHAT_LIMITS, ChatRequest
from server.errors import InvalidFields
from server.http.media_types import JSON, media_type
from server.requests.fields import from_json
from server.requests.json_pictures import picture_bytes
from server.requests.json_scan import scan_json
from server.tasks.caption import LIMIT_TOKENS
from server.tasks.served_task import ServedTask

CONTENT = "messages.0.content"
DESCRIBE = frozenset(
    {
        "caption this image",
        "caption this picture",
        "describe",
        "describe the image",
        "describe the picture",
        "describe this image",
        "describe this picture",
        "what is in this image",
        "what is in this picture",
        "what's in this image",
        "what's in this picture",
    }
)
"""Texts that ask for a caption, small and without what ends a sentence."""
_LENGTH_FIELD = "max_new_tokens"


def asks_to_describe(text: str) -> bool:
    """Return whether a text asks for a caption: it is empty, or one of a short list."""
    plain = " ".join(text.casefold().replace("\u2019", "'").split()).rstrip(".!?: ")
    return not plain or plain in DESCRIBE


class ChatRequests:
    """Reads chat completions."""

    def check_head(self, headers: Mapping[str, str]) -> None:
        """Refuse what is not JSON."""
        media_type(headers, (JSON,))

    def read(self, given: Given) -> AskedRequest[Any]:
        """Return what is asked."""
        scanned = scan_json(given.body, CHAT_LIMITS)
        request = from_json(ChatRequest, scanned.text)
        known = ServedModel.of(given.pool)
        model = read_model_name(request.model, known)
        text = "\n".join(text for text in request.texts if text.strip())
        named = task_in_words(model)
        takes_text = named is not None and named.text is not None
        has_text = bool(text) if takes_text else not asks_to_describe(text)
        if takes_text and not text:
            raise InvalidFields.one(CONTENT, f"{model.task} needs a text")
        served = task_for(len(request.pictures), has_text, named, known, CONTENT)
        budget = budget_with(model, request.budget, "budget.variant")
        names = {served.text or "": CONTENT, _LENGTH_FIELD: "max_completion_tokens"}
        fields = fields_of(served, [text], _options(served, request), budget, names, model.adapter)
        pictures = [
            picture_bytes(scanned.picture(picture), place)
            for place, picture in request.pictures.items()
        ]
        checked = given.reader.check(served.shape, pictures, fields, given.headers)
        options = request.stream_options
        usage = options is not None and bool(options.include_usage)
        reply = ChatReply(f"chatcmpl-{given.request_id}", request.model, usage)
        return AskedRequest(served, checked, reply, reply if request.stream else None)


def _options(served: ServedTask[Any], request: ChatRequest) -> dict[str, Any]:
    """Return the fields of a task that a chat gives: how long a text may be.

    Only what is written word by word is cut; a label is one token, so no limit is below it.
    """
    if _LENGTH_FIELD not in served.shape.fields.model_fields or request.most_tokens is None:
        return {}
    return {_LENGTH_FIELD: min(request.most_tokens, LIMIT_TOKENS)}
