from __future__ import annotations

import pytest

from models.series import OtmvModel
from tests.models import tiny


@pytest.fixture(params=[True, False], ids=["merged", "apart"])
def model(request: pytest.FixtureRequest) -> OtmvModel:
    return tiny.model(tiny.config(merged_feed_forward=request.param))
