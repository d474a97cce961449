"""A real Prometheus for tests, where the program is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtests.slo.servers import free_port

_READY = "Server is ready to receive web requests"
_CONFIG = """
global:
  scrape_interval: 500ms
scrape_configs:
  - job_name: otmv
    static_configs:
      - targets: ["{target}"]
"""


@contextmanager
def scraping(url: str, folder: Path) -> Iterator[str]:
    """Let a Prometheus scrape a server until the block ends; yield its own address."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(target=url.removeprefix("http://")))
    with running(config, folder / "data") as address:
        yield address


@contextmanager
def running(config: Path, data: Path) -> Iterator[str]:
    """Run a Prometheus with this configuration until the block ends; yield its address."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("the program `prometheus` is not installed (Debian: package prometheus)")
    address = f"127.0.0.1:{free_port()}"
    words = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
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
