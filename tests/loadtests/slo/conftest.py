from __future__ import annotations

from tests.loadtests.slo.fake_load import answered, setup, started

__all__ = ["answered", "setup", "started"]
