"""The root of all errors here."""

from __future__ import annotations


class ServerError(Exception):
    """Root of all refusals made by the HTTP layer; every subclass says how to fix the request."""
