"""The protocol's messages to the body of a REST request, and its answer back to messages."""

from __future__ import annotations

import json
from typing import Any

from open_inference.grpc import protocol as pb

from server.apis.open_inference.infer import JSON_LENGTH
from server.apis.open_inference.tensors import packed
from server.errors import InvalidFields


def path_of(name: str, version: str, behind: str) -> str:
    """Return the path of a model's route."""
    middle = f"/versions/{version}" if version else ""
    return f"/v2/models/{name}{middle}{behind}"


def body_of(request: pb.ModelInferRequest) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a REST request with binary tensors.

    Raises:
        InvalidFields: the raw contents are not as many as the inputs, or an input has others.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidFields.one("raw_input_contents", "one for each input, or none")
    blobs: list[bytes] = []
    inputs = []
    for index, each in enumerate(request.inputs):
        blob = raw[index] if raw else packed(each.contents.bytes_contents)  # the only type taken
        blobs.append(blob)
        parameters = _plain(each.parameters) | {"binary_data_size": len(blob)}
        inputs.append(
            {
                "name": each.name,
                "datatype": each.datatype,
                "shape": list(each.shape),
                "parameters": parameters,
            }
        )
    body: dict[str, Any] = {
        "inputs": inputs,
        "parameters": _plain(request.parameters) | {"binary_data_output": True},
    }
    if request.id:
        body["id"] = request.id
    if request.outputs:
        body["outputs"] = [{"name": each.name} for each in request.outputs]
    text = json.dumps(body).encode()
    return {JSON_LENGTH: str(len(text))}, b"".join([text, *blobs])


def _plain(parameters: Any) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("parameter_choice") or "bool_param")
        for name, value in parameters.items()
    }


def response_of(headers: dict[str, str], body: bytes) -> pb.ModelInferResponse:
    """Return the message of an answer with binary tensors."""
    size = int(headers[JSON_LENGTH])
    told = json.loads(body[:size])
    response = pb.ModelInferResponse(
        model_name=told["model_name"], model_version=told["model_version"], id=told.get("id", "")
    )
    for name, text in told["parameters"].items():
        response.parameters[name].string_param = text
    at = size
    for each in told["outputs"]:
        response.outputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
        end = at + each["parameters"]["binary_data_size"]
        response.raw_output_contents.append(body[at:end])
        at = end
    return response


def metadata_response_of(told: dict[str, Any]) -> pb.ModelMetadataResponse:
    """Return the message of a model's metadata."""
    response = pb.ModelMetadataResponse(
        name=told["name"], versions=told["versions"], platform=told["platform"]
    )
    for tensors, kind in ((response.inputs, "inputs"), (response.outputs, "outputs")):
        for each in told[kind]:
            tensors.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
    return response
