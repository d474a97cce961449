"""What can be wrong with an adapter.

AdapterError
├── InvalidAdapter       its record or its tensors are not what they say
├── BadAdapterName       nothing can be named so
├── PickledAdapter       a file could run code when read
├── UnsupportedAdapter   it is of a kind that cannot be read or used here
├── AdapterOfOtherBase   it was tuned on another model
└── AdapterTooLarge      the artifact's stages have no room for it
"""

from __future__ import annotations

from artifact.errors import ArtifactError


class AdapterError(ArtifactError):
    """Something about an adapter's folder is wrong; `str()` is one line that says how to fix it."""


class InvalidAdapter(AdapterError):
    """Its record cannot be parsed or contradicts itself, or its tensors are not the record's."""


class BadAdapterName(AdapterError):
    """Its name cannot stand in a request, a metric or a path."""


class PickledAdapter(AdapterError):
    """A file of it is pickled, so that reading it could run code."""


class UnsupportedAdapter(AdapterError):
    """It is of a kind that is not read, or cannot do what was asked."""


class AdapterOfOtherBase(AdapterError):
    """It was tuned on other weights, or for a model of another shape or other tasks."""


class AdapterTooLarge(AdapterError):
    """Its rank or rows exceed what the artifact's stages have room for."""
