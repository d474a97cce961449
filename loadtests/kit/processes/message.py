"""Values that pass between processes as a line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Self

from pydantic import TypeAdapter


class Message:
    """A base of frozen dataclasses that are written for another process, and read there."""

    def to_json(self) -> str:
        """Return it as JSON."""
        fields: Any = self
        return json.dumps(asdict(fields))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`'s text.

        Raises:
            pydantic.ValidationError: it is no such message.
        """
        return TypeAdapter(cls).validate_json(text)
