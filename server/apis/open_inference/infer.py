"""`POST /v2/models/MODEL/infer`: JSON, with binary tensors behind it or in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from server.apis.answers import server_timing
from server.apis.exchange import Answered, AskedRequest, Given
from server.apis.open_inference.infer_request import (
    INFER_LIMITS,
    InferRequest,
    InputFields,
    OutputFields,
    Parameter,
)
from server.apis.open_inference.outputs import OutputSpec, tensors_of, wanted_outputs
from server.apis.open_inference.question import InferQuestion
from server.apis.open_inference.tensors import (
    Element,
    InputTensor,
    checked_input,
    flat,
    raw_elements,
)
from server.errors import InvalidFields, MalformedBody, UnsupportedBody
from server.http.media_types import BINARY, JSON, media_type
from server.requests.fields import from_json
from server.requests.json_scan import JsonText, scan_json

VERSION = "1"
JSON_LENGTH = "inference-header-content-length"
_BINARY_SIZE = "binary_data_size"
_BINARY_OUTPUT = "binary_data"
_ALL_BINARY = "binary_data_output"


@dataclass(frozen=True)
class InferRequests:
    """Reads inference requests. `before` and `behind` stand around the model's name in the path."""

    before: str
    behind: str

    def check_head(self, headers: Mapping[str, str]) -> None:
        """Refuse a body that is no JSON, and says nothing of JSON in it."""
        if JSON_LENGTH not in headers:
            media_type(headers, (JSON,))
        elif "content-type" in headers:
            media_type(headers, (BINARY, JSON))
        elif headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedBody("content encodings are not read; send it unencoded")

    def read(self, given: Given) -> AskedRequest[Any]:
        """Return what is asked."""
        text, binary = _parts(given)
        scanned = scan_json(text, INFER_LIMITS)
        request = from_json(InferRequest, scanned.text)
        parameters = dict(request.parameters)
        all_binary = parameters.pop(_ALL_BINARY, False) is True
        inputs = _inputs(request.inputs, scanned, binary)
        model = given.path[len(self.before) : -len(self.behind)]
        if request.model_name not in (None, model):
            raise InvalidFields.one("model_name", "is another than that in the path; leave it out")
        question = InferQuestion(model, parameters, inputs)
        served, checked = question.read(given.reader, given.pool, given.headers)
        names = None if request.outputs is None else [each.name for each in request.outputs]
        wanted = wanted_outputs(served, names)
        asked = {each.name: each for each in request.outputs or ()}
        binaries = {spec.name for spec in wanted if _is_binary(asked.get(spec.name), all_binary)}
        return AskedRequest(
            served, checked, InferReply(model, request.id, wanted, frozenset(binaries))
        )


def _parts(given: Given) -> tuple[bytes | bytearray, memoryview]:
    """Return the JSON of a body, and what stands behind it.

    Raises:
        MalformedBody: the header says that the JSON is longer than the body, or no number.
    """
    said = given.headers.get(JSON_LENGTH)
    if said is None:
        return given.body, memoryview(b"")
    if not (said.isascii() and said.isdecimal() and len(said) < 12):
        raise MalformedBody("Inference-Header-Content-Length is not a number")
    size = int(said)
    if size > len(given.body):
        raise MalformedBody("Inference-Header-Content-Length is more than the body has")
    return given.body[:size], memoryview(given.body)[size:]


def _inputs(
    fields: Sequence[InputFields], scanned: JsonText, binary: memoryview
) -> list[InputTensor]:
    """Return the inputs, each with its data.

    Raises:
        InvalidFields: data is missing, given twice, or none of a tensor.
    """
    found, at = [], 0
    for each in fields:
        place = f"inputs.{each.name[:60]}"
        size = each.parameters.get(_BINARY_SIZE)
        if size is None:
            elements: tuple[Element, ...] = tuple(
                _json_element(value, scanned, place) for value in flat(each.data or ())
            )
        elif isinstance(size, bool) or not isinstance(size, int) or each.data is not None:
            raise InvalidFields.one(place, f"{_BINARY_SIZE} is a whole number, without data")
        elif not 0 <= size <= len(binary) - at:
            raise InvalidFields.one(place, f"{_BINARY_SIZE} is more than the body has")
        else:
            elements = raw_elements(each.name, binary[at : at + size])
            at += size
        found.append(checked_input(each.name, each.datatype, each.shape, elements))
    if at != len(binary):
        raise MalformedBody(f"{len(binary) - at} bytes behind the JSON are of no input")
    return found


def _json_element(value: Any, scanned: JsonText, place: str) -> Element:
    if not isinstance(value, str):
        raise InvalidFields.one(f"{place}.data", "an element is no text")
    return scanned.picture(value) if value in scanned.held else value


def _is_binary(output: OutputFields | None, all_binary: bool) -> bool:
    said: Parameter | None = None if output is None else output.parameters.get(_BINARY_OUTPUT)
    return all_binary if said is None else said is True


@dataclass(frozen=True)
class InferReply:
    """Writes an answer as tensors; those of `binaries` behind the JSON."""

    model: str
    request_id: str | None
    wanted: tuple[OutputSpec, ...]
    binaries: frozenset[str]

    def response(self, answered: Answered[Any]) -> Response:
        """Return the inference response."""
        outputs, raw = [], []
        for each in tensors_of(answered, self.wanted):
            told: dict[str, Any] = {
                "name": each.name,
                "datatype": each.datatype,
                "shape": each.shape,
            }
            if each.name in self.binaries:
                raw.append(each.raw())
                told["parameters"] = {_BINARY_SIZE: len(raw[-1])}
            else:
                told["data"] = each.values
            outputs.append(told)
        body = {
            "model_name": self.model,
            "model_version": VERSION,
            "id": self.request_id,
            "parameters": answer_parameters(answered),
            "outputs": outputs,
        }
        text = to_json({name: value for name, value in body.items() if value is not None})
        headers = server_timing(answered.result)
        if not raw:
            return Response(text, headers=headers, media_type=JSON)
        headers["Inference-Header-Content-Length"] = str(len(text))
        return Response(b"".join([text, *raw]), headers=headers, media_type=BINARY)


def answer_parameters(answered: Answered[Any]) -> dict[str, str]:
    """Return what a response says beside its tensors."""
    artifact = answered.result.artifact
    return {
        "request_id": answered.request_id,
        "task": answered.served.name,
        "artifact": artifact.short_hash,
    }
