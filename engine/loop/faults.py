"""What a step raised, as an error of ours."""

from __future__ import annotations

import logging

from engine.errors import BackendError, InferenceFailed

_LOG = logging.getLogger(__name__)


def backend_error(problem: Exception, stage: str) -> BackendError:
    """Return what a step of a stage raised as an error of ours."""
    if isinstance(problem, BackendError):
        return problem
    _LOG.error("step %s", stage, exc_info=problem)
    return InferenceFailed(stage, repr(problem))
