"""Files of the cache folder: where they cannot be written, a warning is enough."""

from __future__ import annotations

import logging
from pathlib import Path

from artifact.atomic import write_atomically

_LOG = logging.getLogger(__name__)


def remember(path: Path, text: str) -> None:
    """Write a cache file, creating its folder; a folder that cannot be written only warns."""
    try:
        write_atomically(path, text)
    except OSError as error:
        _LOG.warning("%s not cached: %s (set another cache folder)", path.name, error)
