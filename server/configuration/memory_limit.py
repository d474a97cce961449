"""The most memory that the server and its decode workers take, from the settings.

It is what a container's limit must hold: computed here, tried with the worst pictures by a test.
"""

from __future__ import annotations

from server.configuration.settings import Settings

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


def memory_limit_bytes(settings: Settings, workers: int, engine_bytes: int) -> int:
    """Return the most bytes of all processes together.

    `workers`: that decode (`OTMV_DECODE_WORKERS`). `engine_bytes`: of the loaded stages and of open
    requests (`OTMV_MEMORY_BUDGET` bounds the first). With reloads on, two engines are in memory at
    once.
    """
    engines = 2 if settings.reload else 1
    bodies = _GROWTH * settings.max_bodies_bytes
    copies = _PARSED_AT_ONCE * settings.max_body_bytes  # pictures taken from bodies that are parsed
    worker = WORKER_BYTES + DECODED_BYTES_PER_PIXEL * settings.max_pixels
    own = PROCESS_BYTES + HEADS_BYTES
    return round(own + engines * engine_bytes + bodies + copies + workers * worker)
