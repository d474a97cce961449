"""An answer as a chat completion: whole, or in chunks while it is written."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from server.apis.answers import json_response
from server.apis.exchange import Answered
from server.apis.openai.usage import tokens_read
from server.errors.responses import error_json
from server.http.event_stream import event

_DONE = b"data: [DONE]\n\n"


@dataclass
class ChatReply:
    """Writes an answer as a chat completion, or as its chunks.

    Attributes:
        completion_id: the completion's id.
        model: the model's name, as the request has it.
        usage: whether its chunks end with one that counts tokens.
        begun: whether a chunk was written.
    """

    completion_id: str
    model: str
    usage: bool
    created: int = field(default_factory=lambda: int(time.time()))
    begun: bool = False

    def response(self, answered: Answered[Any]) -> Response:
        """Return the completion."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": _said(answered), "refusal": None},
            "logprobs": None,
            "finish_reason": _finish_reason(answered),
        }
        body = self._common("chat.completion") | {
            "choices": [choice],
            "usage": _usage(answered),
            "otmv": answered.extras(),
        }
        return json_response(body, answered.result)

    def piece(self, text: str) -> bytes:
        """Return a chunk with the next piece of text; the first says who speaks."""
        delta = {"content": text} if self.begun else {"role": "assistant", "content": text}
        self.begun = True
        return self._chunk(delta, None)

    def end(self, answered: Answered[Any]) -> bytes:
        """Return the last chunks: why it ended, with our extras; and the tokens, if wanted."""
        events = [] if self.begun else [self.piece(_said(answered))]
        extras = {"otmv": answered.extras()}
        events.append(self._chunk({}, _finish_reason(answered), extras))
        if self.usage:
            counted = {"choices": [], "usage": _usage(answered)}
            events.append(event(self._common("chat.completion.chunk") | counted))
        return b"".join([*events, _DONE])

    def failed(self, error: Exception, request_id: str, path: str) -> bytes:
        """Return the error, as clients look for it in a stream."""
        return event(json.loads(error_json(error, request_id, path)))

    def _chunk(
        self,
        delta: dict[str, str],
        finish: str | None,
        more: dict[str, Any] | None = None,
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        no_usage = {"usage": None} if self.usage else {}
        body = self._common("chat.completion.chunk") | {"choices": [choice]} | no_usage
        return event(body | (more or {}))

    def _common(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.completion_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


def _said(answered: Answered[Any]) -> str:
    """Return the answer as a text: what was written, or the best label."""
    answer = answered.result.answers[0]
    return answer.labels[0][0] if answer.text is None else answer.text


def _finish_reason(answered: Answered[Any]) -> str:
    return "length" if answered.result.answers[0].cut_off else "stop"


def _usage(answered: Answered[Any]) -> dict[str, int]:
    """Return how many tokens were read, pictures' included, and written; a label counts as one."""
    read = tokens_read(answered)
    answer = answered.result.answers[0]
    written = 1 if answer.text is None else answer.text_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
