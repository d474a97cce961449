"""What the server's artifact knows, and a warning where a question goes beyond it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from artifact.manifest import DomainRecord
from cli.console import warn

_MOST_SHOWN = 5


def domain_of(variants: dict[str, Any] | None) -> DomainRecord | None:
    """Return the domain of what `/v1/variants` says; None: it says none."""
    try:
        return DomainRecord.model_validate((variants or {}).get("domain"))
    except ValidationError:
        return None


def warn_of_unknown_words(domain: DomainRecord, text: str) -> None:
    """Print one line if a text has words that the model has never read."""
    unknown = domain.unknown(text)
    if not unknown:
        return
    more = len(unknown) - _MOST_SHOWN
    shown = ", ".join(unknown[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
    words = "word" if len(unknown) == 1 else "words"
    warn(f"the model never read the {words} {shown}; it knows {domain.about}")
