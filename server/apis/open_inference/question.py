"""From inputs and parameters of the protocol to a task's request: the same for REST and gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.apis.asking import budget_with, fields_of, split_parameters, task_named
from server.apis.model_name import ModelName, ServedModel, read_model_name
from server.apis.open_inference.tensors import Element, InputTensor
from server.engine_pool import Pool
from server.errors import InvalidFields
from server.requests.fields import LONGEST_TEXT
from server.requests.json_pictures import picture_bytes
from server.requests.json_scan import JsonString
from server.requests.reader import CheckedRequest, RequestReader
from server.tasks import SERVED_TASKS
from server.tasks.served_task import ServedTask, WayToAsk

IMAGE = "image"
_PLACE = "parameters"


@dataclass(frozen=True)
class InferQuestion:
    """What an inference request asks.

    Attributes:
        model: the model's name, as it stands in the request.
        parameters: budget, and a task's options.
        inputs: checked against their shapes.
    """

    model: str
    parameters: Mapping[str, Any]
    inputs: Sequence[InputTensor]

    def read(
        self, reader: RequestReader, pool: Pool, headers: Mapping[str, str]
    ) -> tuple[ServedTask[Any], CheckedRequest[Any]]:
        """Return its task, and its request.

        Raises:
            ServerError, ImageError: the first thing that is wrong.
        """
        known = ServedModel.of(pool)
        name = read_model_name(self.model, known)
        inputs = self._by_name()
        pictures = inputs.pop(IMAGE, ())
        served = _task(name, known, inputs, len(pictures))
        text = served.text
        texts = [_text(each, text) for each in inputs.get(text, ())] if text else []
        budget, options = split_parameters(self.parameters, _PLACE)
        budget = budget_with(name, budget, f"{_PLACE}.variant")
        names = {listed: f"inputs.{one}" for one, listed in served.shape.lists.items()}
        names |= {text or "": f"inputs.{text}"} | {each: f"{_PLACE}.{each}" for each in options}
        fields = fields_of(served, texts, options, budget, names, name.adapter)
        decoded = [_picture(each) for each in pictures]
        return served, reader.check(served.shape, decoded, fields, headers)

    def _by_name(self) -> dict[str, tuple[Element, ...]]:
        found: dict[str, tuple[Element, ...]] = {}
        for each in self.inputs:
            if each.name in found:
                raise InvalidFields.one(f"inputs.{each.name[:60]}", "given twice")
            found[each.name] = each.elements
        return found


def _task(
    name: ModelName, known: ServedModel, inputs: Mapping[str, Any], pictures: int
) -> ServedTask[Any]:
    """Return the task that takes these inputs, or the one that the name asks for.

    Raises:
        InvalidFields: there is none, or it takes others.
    """
    named = task_named(name)
    candidates = [named] if named else [SERVED_TASKS[each] for each in known.tasks]
    for each in candidates:
        if set(inputs) <= {each.text} and each.takes(pictures, bool(inputs)):
            return each
    given = ", ".join([f"{IMAGE} [{pictures}]", *sorted(inputs)])
    takes = "; ".join(f"{each.name}: {_inputs(way)}" for each in candidates for way in each.ways)
    raise InvalidFields.one("inputs", f"{given[:200]} given; {takes}")


def _inputs(way: WayToAsk) -> str:
    """Return which inputs a request may bring, in words."""
    many = str(way.most) if way.least == way.most else f"{way.least} to {way.most}"
    pictures = f"{IMAGE} [{many}]" if way.most else ""
    return ", ".join(part for part in (pictures, way.text) if part)


def _text(element: Element, name: str) -> str:
    """Return a text.

    Raises:
        InvalidFields: it is too long, or no UTF-8.
    """
    if isinstance(element, str):
        return element
    place = f"inputs.{name}"
    if isinstance(element, JsonString) or len(element) > 4 * LONGEST_TEXT:
        raise InvalidFields.one(place, f"has more than {LONGEST_TEXT} characters")
    try:
        return bytes(element).decode()
    except UnicodeDecodeError as error:
        raise InvalidFields.one(place, "is not valid UTF-8") from error


def _picture(element: Element) -> bytes | bytearray:
    """Return a picture's bytes: as they are, or of a JSON text's base64."""
    place = f"inputs.{IMAGE}"
    if isinstance(element, str):
        element = JsonString(memoryview(element.encode(errors="surrogatepass")), escaped=False)
    if isinstance(element, JsonString):
        return picture_bytes(element, place)
    if not element:
        raise InvalidFields.one(place, "is empty")
    return element
