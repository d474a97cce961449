"""The log: one line per record on standard error, as text or as JSON, without request texts."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from typing import Any, Literal, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from engine.types import Answer
from server.answering.work import WorkResult
from server.configuration.settings import Settings
from server.errors import AnswerOverdue
from server.errors.statuses import INTERNAL, classify
from server.observing.redaction import traceback_text
from server.observing.request_record import RequestRecord

LogFormat = Literal["text", "json"]

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_JSON = "%(levelname)s %(name)s %(message)s"
_RENAMED = {"levelname": "level", "name": "logger"}
_LEVELS = {
    "python_multipart": logging.CRITICAL,
    "PIL": logging.CRITICAL,
    "uvicorn": logging.WARNING,
    "opentelemetry": logging.ERROR,
    "urllib3": logging.WARNING,
}
_ABOUT_NO_REQUEST = ("engine.", "otmv.")
"""Our own loggers with these names write about stages, which see numbers only, or about the server.
Where they write about a request, its record comes along."""
_REQUEST = "request_record"
"""The field of a log record that holds the request it is about."""
_NOT_WRITTEN = frozenset({"color_message", _REQUEST, "taskName"})
_NO_FIELDS = _NOT_WRITTEN | frozenset(RESERVED_ATTRS)
_BARE = re.compile(r"[!#-&(-<>-Z\\^-z|~]+")
"""Printed, and no space, quote, bracket, brace or equals sign."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What a terminal could act on."""
_log = logging.getLogger("otmv.server")
_threads = logging.getLogger("threading")


def configure_logging(settings: Settings) -> None:
    """Send every logger's records, uvicorn's included, to one handler on standard error."""
    handler = log_handler(settings.log_format, settings.log_content)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    threading.excepthook = _log_thread
    quieten_libraries()


def _log_thread(ended: threading.ExceptHookArgs) -> None:
    """Log what ended a thread; Python would print it, with its message, as several lines."""
    if ended.exc_value is not None:
        name = ended.thread.name if ended.thread else "?"
        _threads.critical("thread %s ended", name, exc_info=ended.exc_value)


def quieten_libraries() -> None:
    """Raise the level of libraries that say too much, or could quote what they were given."""
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to standard error as it is at the moment: above a spinner while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def log_handler(
    log_format: LogFormat, show_content: bool, stream: TextIO | None = None
) -> logging.Handler:
    """Return the handler that writes records, by default to standard error."""
    handler = _StandardError() if stream is None else logging.StreamHandler(stream)
    if log_format == "json":
        handler.setFormatter(JsonLines(_JSON, rename_fields=_RENAMED, timestamp=True))
    else:
        handler.setFormatter(TextLines(_TEXT))
    handler.addFilter(RequestTextFilter(show_content))
    return handler


def log_failure(error: Exception, request: RequestRecord) -> None:
    """Record how a request ended; log an error of the server's own, with its traceback."""
    problem = classify(error)
    request.problem = problem.slug
    if problem.status == INTERNAL.status or isinstance(error, MemoryError | AnswerOverdue):
        extra = {_REQUEST: request}
        _log.error("request %s failed", request.request_id, exc_info=error, extra=extra)


def access_fields(request: RequestRecord, show_content: bool) -> dict[str, Any]:
    """Return what a request's log line says of how it was served; None: not known, or none."""
    fields: dict[str, Any] = {
        "api_key": request.api_key,
        "problem": request.problem,
        "task": request.task,
        "on_miss": request.on_miss,
    }
    if request.result is not None:
        fields |= _answered(request.result)
    if show_content and request.texts:
        fields["texts"] = list(request.texts)
    return fields


def _answered(result: WorkResult) -> dict[str, Any]:
    answers = result.answers
    return {
        "variant": ",".join(dict.fromkeys(answer.variant for answer in answers)),
        "degraded": any(answer.degraded for answer in answers),
        "deadline_met": _all_met(answers),
        "phases_ms": result.slowest_timings_ms(),
    }


def _all_met(answers: list[Answer]) -> bool | None:
    known = [answer.deadline_met for answer in answers if answer.deadline_met is not None]
    return all(known) if known else None


class RequestTextFilter(logging.Filter):
    """Writes tracebacks so that no message in them repeats a request's text."""

    def __init__(self, show_content: bool) -> None:
        super().__init__()
        self._show_content = show_content

    def filter(self, record: logging.LogRecord) -> bool:
        """Turn the record's exception into text; every record passes."""
        request: RequestRecord | None = getattr(record, _REQUEST, None)
        harmless = request is None and record.name.startswith(_ABOUT_NO_REQUEST)
        if self._show_content or harmless or not record.exc_info:
            return True
        if record.exc_info[1] is not None:
            texts = None if request is None else request.texts
            record.exc_text = traceback_text(record.exc_info[1], texts)
        record.exc_info = None
        return True


class JsonLines(JsonFormatter):
    """One JSON object per line: timestamp, level, logger, message and the record's own fields."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Put the time first; leave out what other libraries mean for other formatters."""
        kept = {name: value for name, value in log_data.items() if name not in _NOT_WRITTEN}
        return {"timestamp": kept.pop("timestamp"), **kept}


class TextLines(logging.Formatter):
    """Time, level, logger, message, then the record's own fields as name=value."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its traceback."""
        own = {name: value for name, value in vars(record).items() if name not in _NO_FIELDS}
        line = super().formatMessage(record) + as_pairs(own)
        return line.replace("\n", "\n  ")  # so that no line of it looks like a record of its own

    def format(self, record: logging.LogRecord) -> str:
        """Return all of a record, its traceback included, control characters as escapes."""
        return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", super().format(record))


def as_pairs(fields: Mapping[str, Any]) -> str:
    """Return fields as ` name=value …`; what is not a plain word is written as JSON."""
    return "".join(f" {name}={_written(value)}" for name, value in fields.items())


def _written(value: Any) -> str:
    if isinstance(value, str) and value.isascii() and _BARE.fullmatch(value):
        return value
    return json.dumps(value, default=str, separators=(",", ":"))
