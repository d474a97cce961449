"""Fields of others' APIs that this server takes at harmless values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Only:
    """Annotates a field whose other values would change the answer, or what is sent.

    Null is always harmless. `why` says what this server does instead.
    """

    def __init__(self, *harmless: Any, why: str) -> None:
        self.harmless = harmless
        self.why = why

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Say this to pydantic."""
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say this to OpenAPI."""
        return {"enum": [None, *self.harmless]}

    def _check(self, value: Any) -> Any:
        if value is None or any(_same(value, each) for each in self.harmless):
            return None
        raise ValueError(f"is not taken: {self.why}")


def _same(given: Any, harmless: Any) -> bool:
    """Return whether two JSON values are one; 0 and 0.0 are, 1 and true are not."""
    return given == harmless and isinstance(given, bool) == isinstance(harmless, bool)


@dataclass(frozen=True)
class Anything:
    """Annotates a field that changes nothing here, whatever it is."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Say this to pydantic."""
        return core_schema.any_schema()
