"""`POST /hf/…`: visual question answering and image to text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from server.answering.numbers import share
from server.apis.answers import json_response
from server.apis.asking import (
    budget_with,
    fields_of,
    split_parameters,
    task_for,
    task_in_words,
)
from server.apis.exchange import Answered, AskedRequest, Given
from server.apis.hugging_face.hf_request import HF_LIMITS, HfRequest
from server.apis.model_name import ModelName, ServedModel, read_model_name
from server.errors import InvalidFields
from server.http.media_types import BINARY, JSON, media_type
from server.requests.fields import from_json
from server.requests.json_pictures import picture_bytes
from server.requests.json_scan import JsonText, scan_json

_PLACE = "parameters"


@dataclass(frozen=True)
class HfRequests:
    """Reads requests of a route.

    `before`: what stands before the model's name in the path; None: the path has no name, and
    `asks` says whether it is for questions.
    """

    before: str | None = None
    asks: bool = False

    def check_head(self, headers: Mapping[str, str]) -> None:
        """Refuse what is neither JSON nor a picture; a body without a type is taken as one."""
        kind = headers.get("content-type", "image/*").partition(";")[0].strip().lower()
        if not kind.startswith("image/"):
            media_type(headers, (JSON, BINARY, "image/*"))
        else:
            media_type({**headers, "content-type": BINARY}, (BINARY,))

    def read(self, given: Given) -> AskedRequest[Any]:
        """Return what is asked."""
        known = ServedModel.of(given.pool)
        model = ModelName(known.name)
        if self.before is not None:
            model = read_model_name(given.path[len(self.before) :], known)
        is_json = given.headers.get("content-type", "").lower().startswith(JSON)
        question: str | None = None
        parameters: Mapping[str, Any] = {}
        if is_json:
            scanned = scan_json(given.body, HF_LIMITS)
            request = from_json(HfRequest, scanned.text)
            picture: bytes | bytearray = _picture(request, scanned)
            question, parameters = request.asked, request.parameters
        else:
            picture = given.body
            if not picture:
                raise InvalidFields.one("body", "is empty; send a picture")
        if self.before is None and self.asks is not (question is not None):
            raise InvalidFields.one("question", "is missing" if self.asks else "is not read here")
        named = task_in_words(model)
        served = task_for(1, question is not None, named, known, "inputs")
        said = {name: value for name, value in parameters.items() if value is not None}
        budget, options = split_parameters(said, _PLACE)
        budget = budget_with(model, budget, f"{_PLACE}.variant")
        names = {name: f"{_PLACE}.{name}" for name in options}
        names |= {served.text or "": "question"}
        texts = [] if question is None else [question]
        fields = fields_of(served, texts, options, budget, names, model.adapter)
        checked = given.reader.check(served.shape, [picture], fields, given.headers)
        return AskedRequest(served, checked, HfReply())


def _picture(request: HfRequest, scanned: JsonText) -> bytearray:
    """Return the picture of a JSON body; the client sends it twice.

    Raises:
        InvalidFields: the two differ.
    """
    place, text = request.picture
    string = scanned.picture(text)
    if request.image is not None and scanned.picture(request.image).text != string.text:
        raise InvalidFields.one("image", "is another picture than inputs")
    return picture_bytes(string, place)


class HfReply:
    """Writes an answer as Hugging Face's tasks specify it; ours is under `otmv` in the first."""

    def response(self, answered: Answered[Any]) -> Response:
        """Return the list of answers."""
        answer = answered.result.answers[0]
        if answer.text is not None:
            found: list[dict[str, Any]] = [{"generated_text": answer.text}]
        else:
            found = [{"answer": label, "score": share(score)} for label, score in answer.labels]
        found[0]["otmv"] = answered.extras()
        return json_response(found, answered.result)
