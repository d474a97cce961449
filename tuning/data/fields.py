"""Fields of a record, checked. What is missing or of another type is said in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuning.data.problems import BadRecord

Fields = Mapping[str, Any]


def as_fields(record: object) -> Fields:
    """Return a record that has fields.

    Raises:
        BadRecord: it is something else.
    """
    if not isinstance(record, dict):
        raise BadRecord(f"is no object with fields but {_kind(record)}")
    return record


def text(record: Fields, name: str) -> str:
    """Return a field that holds a text with words in it.

    Raises:
        BadRecord: it is missing, empty or something else.
    """
    value = _field(record, name)
    if not isinstance(value, str):
        raise BadRecord(f'"{name}" is {_kind(value)}, not a text', record)
    if not value.strip():
        raise BadRecord(f'"{name}" is empty: write it, or take the record out', record)
    return value


def identity(record: Fields, name: str) -> str:
    """Return a field that names something: a whole number or a text.

    Raises:
        BadRecord: it is missing or something else.
    """
    value = _field(record, name)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        raise BadRecord(f'"{name}" is {_kind(value)}, not a number or a name', record)
    return str(value)


def texts(record: Fields, name: str) -> tuple[str, ...]:
    """Return a field that holds at least one text, all of them with words.

    Raises:
        BadRecord: it is missing, empty or something else.
    """
    value = _field(record, name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadRecord(f'"{name}" is {_kind(value)}, not a list of texts', record)
    if not value or not all(each.strip() for each in value):
        raise BadRecord(f'"{name}" has no text: write one, or take the record out', record)
    return tuple(value)


def one_or_more(record: Fields, one: str, several: str) -> tuple[str, ...]:
    """Return the texts of the field `several`, or the text of the field `one`.

    Raises:
        BadRecord: neither is there.
    """
    if several in record:
        return texts(record, several)
    if one in record:
        return (text(record, one),)
    raise BadRecord(f'has neither "{one}" nor "{several}"', record)


def records(record: Fields, name: str) -> list[Fields]:
    """Return a field that holds a list of objects.

    Raises:
        BadRecord: it is missing or something else.
    """
    value = _field(record, name)
    if not isinstance(value, list):
        raise BadRecord(f'"{name}" is {_kind(value)}, not a list', record)
    return [as_fields(each) for each in value]


def numbers(record: Fields, name: str) -> tuple[int, ...]:
    """Return a field that holds a list of whole numbers.

    Raises:
        BadRecord: it is missing or something else.
    """
    value = _field(record, name)
    whole = isinstance(value, list) and all(type(each) is int for each in value)
    if not whole:
        raise BadRecord(f'"{name}" is {_kind(value)}, not a list of whole numbers', record)
    return tuple(value)


def _field(record: Fields, name: str) -> Any:
    if name not in record:
        raise BadRecord(f'has no "{name}"', record)
    return record[name]


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")
