"""Which outputs a task has, and an answer as these tensors: from the model of its answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import to_json

from server.answering.numbers import to_ms
from server.apis.exchange import Answered
from server.apis.open_inference.tensors import Datatype, OutputTensor
from server.errors import InvalidFields
from server.tasks.answer_body import AnswerBody
from server.tasks.served_task import ServedTask

_DATATYPES: dict[Any, Datatype] = {str: "BYTES", bool: "BOOL", int: "INT64", float: "FP32"}
Read = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class OutputSpec:
    """An output: one value for each answer, or a list of values if it is `listed`.

    `read` takes it from what our own API says of an answer.
    """

    name: str
    datatype: Datatype
    read: Read
    listed: bool = False

    @property
    def shape(self) -> list[int]:
        """Its shape; -1: any number."""
        return [-1, -1] if self.listed else [-1]

    def tensor(self, answers: Sequence[dict[str, Any]]) -> OutputTensor:
        """Return it for some answers."""
        found = [self.read(answer) for answer in answers]
        shape: tuple[int, ...] = (len(found),)
        if self.listed:
            shape = (len(found), len(found[0]))
            found = [value for each in found for value in each]
            assert len(found) == math.prod(shape)
        return OutputTensor(self.name, self.datatype, shape, tuple(found))


_OF_ALL = (
    OutputSpec("variant", "BYTES", lambda answer: answer["variant"]),
    OutputSpec("executed_blocks", "INT64", lambda answer: answer["executed_blocks"]),
    OutputSpec("degraded", "BOOL", lambda answer: answer["degraded"]),
    OutputSpec("total_ms", "FP32", lambda answer: answer["timings_ms"]["total"]),
)


@lru_cache(maxsize=64)
def _own(model: type[BaseModel], asked: str | None) -> tuple[OutputSpec, ...]:
    """Return the outputs that a task's answers have of their own; what was asked is none."""
    (answer,) = get_args(model.model_fields["answers"].annotation)
    found: list[OutputSpec] = []
    for name, each in answer.model_fields.items():
        if name != asked and name not in AnswerBody.model_fields:
            found += _specs(name, each.annotation)
    return tuple(found)


def _specs(name: str, annotation: Any) -> list[OutputSpec]:
    """Return a field as outputs: a list of records is one output for each of their fields.

    Of a field that may be written in several ways it is the first.
    """
    if get_origin(annotation) in (Union, UnionType):
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        annotation = type(get_args(annotation)[0])
    if annotation in _DATATYPES:
        return [OutputSpec(name, _DATATYPES[annotation], lambda answer: answer[name])]
    of = get_args(annotation)[0] if get_origin(annotation) is list else None
    if of in _DATATYPES:
        return [OutputSpec(name, _DATATYPES[of], lambda answer: answer[name], True)]
    if isinstance(of, type) and issubclass(of, BaseModel):
        return [
            OutputSpec(
                f"{name}_{inner}", _DATATYPES[field.annotation], partial(_column, name, inner), True
            )
            for inner, field in of.model_fields.items()
        ]
    return [OutputSpec(name, "BYTES", lambda answer: to_json(answer[name]).decode())]


def _column(name: str, inner: str, answer: dict[str, Any]) -> list[Any]:
    return [record[inner] for record in answer[name]]


def outputs_of(served: ServedTask[Any]) -> tuple[OutputSpec, ...]:
    """Return the outputs of a task."""
    return (*_own(served.answer, served.text), *_OF_ALL)


def wanted_outputs(served: ServedTask[Any], names: Sequence[str] | None) -> tuple[OutputSpec, ...]:
    """Return the outputs that a request names, in its order; None: all.

    Raises:
        InvalidFields: there is none of a name, or it is named twice.
    """
    there = {spec.name: spec for spec in outputs_of(served)}
    if not names:
        return tuple(there.values())
    for index, name in enumerate(names):
        if name not in there:
            known = ", ".join(there)
            raise InvalidFields.one(f"outputs.{index}", f"no output {name[:60]!r}; there: {known}")
    if len(set(names)) < len(names):
        raise InvalidFields.one("outputs", "one is named twice")
    return tuple(there[name] for name in names)


def tensors_of(answered: Answered[Any], wanted: Sequence[OutputSpec]) -> list[OutputTensor]:
    """Return an answer as tensors."""
    result, said = answered.served.answered(answered.result, answered.checked.fields)
    answers = [
        own
        | {
            "variant": answer.variant,
            "executed_blocks": answer.executed_blocks,
            "degraded": answer.degraded,
            "timings_ms": {"total": to_ms(total_s)},
        }
        for own, answer, total_s in zip(said, result.answers, result.total_s, strict=True)
    ]
    return [spec.tensor(answers) for spec in wanted]
