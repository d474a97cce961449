"""A safetensors file begins with the length of its header, which may look like a pickle's start."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from artifact.adapters.folder import TENSORS_NAME, read_adapter, write_adapter
from tests.artifact.adapters.made_adapters import a_record, drawn, tables_at

HOOKS = ("block.q", "block.k", "block.v", "block.out", "block.fc1")
LIKE_PICKLES = (0x0280, 0x0480, 0x0580)


def test_a_header_as_long_as_a_pickles_first_bytes_say_is_read(tmp_path: Path) -> None:
    met = 0
    for parts in (("down", "up"), ("down", "up", "shift"), ("shift",)):
        for count in range(1, len(HOOKS) + 1):
            for number, hooks in enumerate(combinations(HOOKS, count)):
                rank = 2 if "down" in parts else 0
                record = a_record(tables_at(*hooks, rank=rank, parts=parts))
                folder = tmp_path / f"{len(parts)}-{count}-{number}"
                write_adapter(folder, record, drawn(record))
                start = (folder / TENSORS_NAME).read_bytes()[:2]
                met += int.from_bytes(start, "little") in LIKE_PICKLES
                read_adapter(folder)
    assert met, "none of these headers is as long as that"
