"""Logging a failure without the text of its request.

The frames of a traceback and the kinds of its exceptions say nothing of a request. The message of
an exception may: parsers and validators quote what they were given.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Sequence

from artifact.errors import ArtifactError
from engine.errors import EngineError

_RUN = 12
"""Characters in a row, of a request's text, that a message may not have."""
_LONGEST = 500
_NO_CONTENT = (
    EngineError,
    ArtifactError,
    OSError,
    ImportError,
    MemoryError,
    AttributeError,
    TypeError,
)
"""Kinds whose messages never quote a request: they come from our own code or the system."""
_WITHHELD = "message withheld"


def repeats(message: str, texts: Sequence[str]) -> bool:
    """Return whether a message has a run of a text's characters, or is a part of a text.

    Upper or lower case does not matter, nor whether the message has the text escaped.
    """
    message = message.casefold()
    bare = message.strip("'\" \n")
    runs = {message[at : at + _RUN] for at in range(len(message) - _RUN + 1)}
    return any(
        bare in form or _shares(form, runs, message)
        for text in texts
        for form in _forms(text)
        if form
    )


def summary(error: BaseException, texts: Sequence[str] | None) -> str:
    """Return an exception's kind and its message on one line.

    The message is withheld if it repeats one of `texts`, the request's own; or, where these are
    not known (None), unless its kind never quotes.
    """
    kind = type(error).__qualname__
    message = str(error)
    if not message:
        return kind
    hidden = not isinstance(error, _NO_CONTENT) if texts is None else repeats(message, texts)
    shown = _WITHHELD if hidden else " ".join(message.split())[:_LONGEST]
    return f"{kind}: {shown}"


def traceback_text(error: BaseException, texts: Sequence[str] | None) -> str:
    """Return a traceback with its causes, oldest first, each ended by its `summary`."""
    return "\n".join(_lines_of(error, texts, set()))


def _lines_of(error: BaseException, texts: Sequence[str] | None, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen:
        yield from _lines_of(cause, texts, seen)
        yield "which led to:"
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield summary(error, texts)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            if id(inner) not in seen:
                yield "in the group:"
                yield from _lines_of(inner, texts, seen)


def _shares(form: str, runs: set[str], message: str) -> bool:
    if len(form) < _RUN:
        return form in message
    return any(form[at : at + _RUN] in runs for at in range(len(form) - _RUN + 1))


def _forms(text: str) -> Iterator[str]:
    """Yield a text as it is, and as Python or JSON would quote it."""
    quoted = (repr(text), ascii(text), json.dumps(text), repr(text.encode(errors="replace"))[1:])
    yield text.casefold()
    for form in quoted:
        yield form[1:-1].casefold()
