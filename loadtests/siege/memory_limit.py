"""The most memory that a server and its decode workers take, as docs/operations.md gives it.

It is what a container's limit must hold.
"""

from __future__ import annotations

PROCESS_BYTES = 200 * 10**6
"""The server's process with all its libraries and no artifact."""
WORKER_BYTES = 250 * 10**6
"""A worker with its libraries and an encoded picture, of the largest body, twice."""
DECODED_BYTES_PER_PIXEL = 16
"""What decoding takes at most for each pixel that a picture may have; the kernel limits it."""
HEADS_BYTES = 128 * 2**20
"""Heads and what waits on connections, 64 MiB, and answers that are being read."""
_GROWTH = 1.2
"""A body that grows is kept in somewhat more than its bytes."""
_PARSED_AT_ONCE = 2


def memory_limit_bytes(
    engine_bytes: int,
    bodies_bytes: int,
    body_bytes: int,
    workers: int,
    pixels: int,
    reload: bool = False,
    kept_bytes: int = 64 * 2**20,
) -> int:
    """Return the most bytes of all processes together.

    Args:
        engine_bytes: of the loaded stages and of open requests (`OTMV_MEMORY_BUDGET` bounds the
            first).
        bodies_bytes: of all bodies together (`OTMV_MAX_BODIES_BYTES`).
        body_bytes: of one body (`OTMV_MAX_BODY_BYTES`).
        workers: that decode (`OTMV_DECODE_WORKERS`).
        pixels: of the largest picture (`OTMV_MAX_PIXELS`).
        reload: whether two engines may be in memory at once (`OTMV_RELOAD`).
        kept_bytes: of pictures that are kept decoded (`OTMV_PICTURE_CACHE`).
    """
    engines = 2 if reload else 1
    bodies = _GROWTH * bodies_bytes
    copies = _PARSED_AT_ONCE * body_bytes  # pictures taken from bodies that are parsed
    worker = WORKER_BYTES + DECODED_BYTES_PER_PIXEL * pixels
    own = PROCESS_BYTES + HEADS_BYTES + kept_bytes
    return round(own + engines * engine_bytes + bodies + copies + workers * worker)
