"""`POST /v1/embeddings`: texts become vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from artifact.task import EMBED
from server.apis.answers import json_response
from server.apis.asking import budget_with, fields_of
from server.apis.exchange import Answered, AskedRequest, Given
from server.apis.model_name import ModelName, ServedModel, read_model_name
from server.apis.openai.embeddings_request import EMBEDDINGS_LIMITS, EmbeddingsRequest
from server.apis.openai.usage import tokens_read
from server.errors import InvalidFields, ModelNotFound
from server.http.media_types import JSON, media_type
from server.requests.fields import from_json
from server.requests.json_scan import scan_json
from server.tasks.embed import SERVED_EMBED
from server.tasks.served_task import ServedTask

_EMBED: ServedTask[Any] = SERVED_EMBED
_NAMES = {"text": "input", "texts": "input"}


class EmbeddingsRequests:
    """Reads requests for embeddings."""

    def check_head(self, headers: Mapping[str, str]) -> None:
        """Refuse what is not JSON."""
        media_type(headers, (JSON,))

    def read(self, given: Given) -> AskedRequest[Any]:
        """Return what is asked."""
        request = from_json(EmbeddingsRequest, scan_json(given.body, EMBEDDINGS_LIMITS).text)
        model = _model(request.model, ServedModel.of(given.pool))
        width = given.pool.artifact.manifest.config.width
        if request.dimensions not in (None, width):
            raise InvalidFields.one("dimensions", f"vectors of this model have {width}")
        budget = budget_with(model, request.budget, "budget.variant")
        fields = fields_of(_EMBED, request.texts, {}, budget, _NAMES, model.adapter)
        fields = fields.model_copy(update={"encoding_format": request.encoding_format or "float"})
        checked = given.reader.check(_EMBED.shape, (), fields, given.headers)
        return AskedRequest(_EMBED, checked, EmbeddingsReply(request.model))


def _model(name: str, served: ServedModel) -> ModelName:
    """Return a model's name in its parts.

    Raises:
        ModelNotFound: what is served makes no vectors, or a part names what is not there.
        InvalidFields: it asks for another task.
    """
    model = read_model_name(name, served)
    if model.task not in (None, EMBED):
        raise InvalidFields.one("model", f"{model.task} makes no vectors; ask for {EMBED}")
    if EMBED not in served.tasks:
        raise ModelNotFound("task", EMBED, served.tasks)
    return model


@dataclass(frozen=True)
class EmbeddingsReply:
    """Writes vectors as a list of embeddings. `model`: its name, as the request has it."""

    model: str

    def response(self, answered: Answered[Any]) -> Response:
        """Return the list."""
        extras, read = answered.extras(), tokens_read(answered)
        del extras["embedding"]
        found = [
            {"object": "embedding", "index": index, "embedding": each["embedding"]}
            for index, each in enumerate(answered.body()["answers"])
        ]
        body = {
            "object": "list",
            "data": found,
            "model": self.model,
            "usage": {"prompt_tokens": read, "total_tokens": read},
            "otmv": extras,
        }
        return json_response(body, answered.result)
