"""A real Prometheus for tests, where the program is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtests.kit.processes.ports import free_port

_READY = "Server is ready to receive web requests"
_CONFIG = """
global:
  scrape_interval: 500ms
scrape_configs:
  - job_name: otmv
    static_configs:
      - targets: ["{target}"]
"""


def program() -> str:
    """Return where the program is, or skip the test."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("the program `prometheus` is not installed (Debian: package prometheus)")
    return found


@contextmanager
def scraping(url: str, folder: Path) -> Iterator[str]:
    """Let a Prometheus scrape a server until the block ends; yield its own address."""
    program()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(target=url.removeprefix("http://")))
    with running(config) as address:
        yield address


@contextmanager
def running(config: Path) -> Iterator[str]:
    """Run a Prometheus until the block ends, its data beside its configuration."""
    address = f"127.0.0.1:{free_port()}"
    words = [
        program(),
        f"--config.file={config}",
        f"--storage.tsdb.path={config.parent / 'data'}",
        f"--web.listen-address={address}",
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if _READY in line:
                break
        else:
            raise AssertionError("".join(seen))
        yield f"http://{address}"
    finally:
        process.kill()
        process.communicate()
