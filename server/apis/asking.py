"""From what an API's request says to the fields of a task: which task it is, and its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server.apis.model_name import ModelName, ServedModel
from server.errors import InvalidFields
from server.requests.budget import BudgetFields
from server.requests.fields import from_values
from server.requests.reader import TaskFields
from server.tasks import SERVED_TASKS
from server.tasks.served_task import ServedTask

_NOT_OPTIONS = frozenset({"budget", "encoding_format", "stream"})
"""Fields of our own API that others say in their way, or not at all."""
_TIMEOUT = "timeout"
_US_PER_MS = 1e3
_COUNTS = {0: "no picture", 1: "one picture", 2: "two pictures"}


def task_named(model: ModelName) -> ServedTask[Any] | None:
    """Return the task that a model's name asks for, if it does."""
    return None if model.task is None else SERVED_TASKS[model.task]


def task_in_words(model: ModelName) -> ServedTask[Any] | None:
    """Return the task that a model's name asks for, if it does; it answers in words.

    Raises:
        InvalidFields: it answers with vectors.
    """
    named = task_named(model)
    if named is not None and not named.in_words:
        raise InvalidFields.one("model", f"{named.name} {_NO_WORDS}")
    return named


def task_for(
    pictures: int, text: bool, named: ServedTask[Any] | None, served: ServedModel, field: str
) -> ServedTask[Any]:
    """Return the task of a request by the number of its pictures, and whether it has a text.

    `named` is the task that the request asks for; else it is the first served task that takes
    this. Its answer is in words. `field` is where pictures and text stand.

    Raises:
        InvalidFields: none takes that, or the named one does not.
    """
    candidates = [named] if named else [SERVED_TASKS[name] for name in served.tasks]
    candidates = [each for each in candidates if each.in_words]
    if not candidates:
        raise InvalidFields.one("model", f"{served.name} {_NO_WORDS}")
    for each in candidates:
        if each.takes(pictures, text):
            return each
    given = f"{_COUNTS.get(pictures, f'{pictures} pictures')} {'and a' if text else 'without a'}"
    raise InvalidFields.one(
        field, f"{given} text is given; {_takes(candidates)}" if pictures else _NO_PICTURE
    )


_NO_WORDS = "answers with vectors, not in words; ask /v1/embed, /v1/rank or /v1/embeddings"
_NO_PICTURE = "has no picture; send one, as this model answers about pictures"


def _takes(tasks: Iterable[ServedTask[Any]]) -> str:
    wanted = []
    for each in tasks:
        for way in each.ways:
            text = f"and a {way.text}" if way.text else "without a text"
            wanted.append(f"{each.name} takes {_COUNTS[way.most]} {text}")
    return ", ".join(wanted)


def fields_of(
    served: ServedTask[Any],
    texts: Sequence[str],
    options: Mapping[str, Any],
    budget: BudgetFields,
    names: Mapping[str, str],
    adapter: str | None = None,
) -> TaskFields:
    """Return the fields of a task.

    `texts`: what it asks, if it takes a text; several where it takes a list. `options`: its other
    fields. `names`: what the API calls fields, for refusals. `adapter`: what the model's name asks
    for.

    Raises:
        InvalidFields: a field is unknown to the task, or out of range; the options ask for another
            adapter.
    """
    text = served.text
    others = {*_NOT_OPTIONS, *served.shape.lists.values(), text or ""}
    for name in others.intersection(options):
        raise InvalidFields.one(names.get(name, name), "is no parameter of this API")
    values = dict(options) | {"budget": budget}
    if adapter is not None:
        if values.get("adapter", adapter) != adapter:
            place = names.get("adapter", "adapter")
            raise InvalidFields.one(place, f"the model's name asks for {adapter}")
        values["adapter"] = adapter
    if text is not None and len(texts) > 1:
        if text not in served.shape.lists:
            raise InvalidFields.one(names.get(text, text), f"{len(texts)} given; send one")
        values[served.shape.lists[text]] = list(texts)
    elif text is not None and texts:
        values[text] = texts[0]
    found: TaskFields = from_values(served.shape.fields, values, names)
    return found


def budget_with(model: ModelName, budget: BudgetFields, field: str) -> BudgetFields:
    """Return a budget with the variant that a model's name asks for.

    Raises:
        InvalidFields: the two ask for different variants; `field` is the budget's.
    """
    if model.variant is None or budget.variant == model.variant:
        return budget
    if budget.variant is not None:
        raise InvalidFields.one(field, f"the model's name asks for {model.variant}")
    return budget.model_copy(update={"variant": model.variant})


def split_parameters(
    parameters: Mapping[str, Any], place: str
) -> tuple[BudgetFields, dict[str, Any]]:
    """Return the budget in a request's parameters, and the task's options.

    `timeout` is Triton's: microseconds. `place`: where the parameters stand, for refusals.

    Raises:
        InvalidFields: a budget is out of range.
    """
    rest = dict(parameters)
    timeout = rest.pop(_TIMEOUT, None)
    said = {name: rest.pop(name) for name in BudgetFields.model_fields if name in rest}
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, int):
            raise InvalidFields.one(f"{place}.{_TIMEOUT}", "is no whole number")
        said.setdefault("max_latency_ms", timeout / _US_PER_MS)
    names = {name: f"{place}.{name}" for name in said}
    return from_values(BudgetFields, said, names), rest
