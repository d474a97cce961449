"""Formats of data sets: one module each, found in `FORMATS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuning.data.formats.beit3 import BEIT3
from tuning.data.formats.blip import BLIP
from tuning.data.formats.contract import DataFormat
from tuning.data.formats.easy_vqa import EASY_VQA
from tuning.data.formats.jsonl import JSONL
from tuning.data.formats.karpathy import COCO, FLICKR30K
from tuning.data.formats.nlvr2 import NLVR2
from tuning.data.formats.vqav2 import VQAV2
from tuning.data.formats.world import WORLD

FORMATS: dict[str, DataFormat] = {
    each.name: each for each in (VQAV2, COCO, FLICKR30K, NLVR2, BLIP, BEIT3, EASY_VQA, WORLD, JSONL)
}
"""Every format that is read, by name."""


def looks_like(record: Mapping[str, Any], read_as: DataFormat) -> str:
    """Return a hint if a broken record has the fields of another format, or nothing."""
    for each in FORMATS.values():
        if any(fields <= record.keys() for fields in each.fields):
            if each is read_as or any(fields <= record.keys() for fields in read_as.fields):
                return ""
            return f'; it has the fields of "{each.name}": put it there, or give --format'
    return ""
