"""The CPU image, really built and really run: `make image-test`.

The default run does not collect this file: it takes minutes, and buildah and podman, or docker.
`IMAGE_TEST_GPU_EXTRA=tensorrt-rtx` (or another extra) builds `serve-gpu` too, and runs of it what
needs no GPU.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from PIL import Image

from server.configuration.settings import Settings
from tests.deploy import image_tools
from tests.deploy.image_tools import ROOT, Container, asked, call, container, inspected

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]

COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
MEMORY = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", COMPOSE["services"]["server"]["mem_limit"])
PICTURE = (ROOT / "examples" / "images" / "shapes.jpg").read_bytes()
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
OWN_BYTES = 270_000_000
"""What the image may add to its base; docs/operations.md says what it does add."""
GPU_EXTRA = os.environ.get("IMAGE_TEST_GPU_EXTRA", "")


@pytest.fixture(scope="module")
def image() -> str:
    return image_tools.build("serve", REVISION="image-test")


@pytest.fixture(scope="module")
def server(image: str) -> Iterator[Container]:
    with container(image, f"--memory={MEMORY}", f"--memory-swap={MEMORY}") as server:
        assert not server.healthy()  # nothing listens so soon
        server.until(lambda: server.state() == "ready", "the server is not ready")
        yield server


def ask(server: Container, *questions: str, picture: bytes = PICTURE, **fields: str) -> Any:
    return httpx.post(
        f"{server.url}/v1/vqa",
        files={"image": picture},
        data={"question": list(questions), **fields},
        timeout=120,
    )


def queue_depth(server: Container) -> float:
    page = httpx.get(f"{server.url}/metrics").text
    (line,) = re.findall(r"^otmv_queue_depth (\S+)$", page, re.M)
    return float(line)


def test_the_image_says_what_it_is(image: str) -> None:
    config = inspected(image)["Config"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "otmv-serve"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"] == "image-test"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert config["User"] == "10001:10001"
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert asked("run", "--rm", image, "--version").split()[-1] == VERSION


def test_it_is_small(server: Container, image: str) -> None:
    """The base is the builder's choice, so what is counted is what we put on it."""
    code = (
        "import os; print(sum(os.lstat(os.path.join(at, name)).st_blocks * 512 "
        "for top in ('/opt', '/artifact') for at, _, names in os.walk(top) for name in names))"
    )
    own_bytes = int(server.python(code).said)
    print(f"{own_bytes / 1e6:.0f} MB of {inspected(image)['Size'] / 1e6:.0f} MB are ours")
    assert own_bytes < OWN_BYTES


def test_it_holds_the_pinned_libraries_and_no_others(server: Container) -> None:
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.name: d.version for d in m.distributions(path=__import__('sys').path)"
        " if '/opt/' in str(d.locate_file(''))}))"
    )
    found: dict[str, str] = json.loads(server.python(code).said)
    assert found.pop("otmv-serve") == VERSION
    known = dict(
        re.findall(
            r"^(\S+)==([^\s;]+)", (ROOT / "requirements" / "serve.txt").read_text("utf-8"), re.M
        )
    )
    for name, version in found.items():
        assert known.get(re.sub(r"[-_.]+", "-", name).lower()) == version, name
    assert not {"torch", "pip", "pytest"} & set(found)


def test_it_is_healthy_when_it_is_ready(server: Container) -> None:
    assert server.healthy()  # before it was ready it was not: see the fixture


def test_it_runs_as_an_ordinary_user(server: Container) -> None:
    status = server.python("print(open('/proc/1/status').read())").said
    lines = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.M))
    assert set(lines["Uid"].split()) == set(lines["Gid"].split()) == {"10001"}
    assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0
    assert lines["NoNewPrivs"] == "1"


@pytest.mark.parametrize("folder", ["/", "/opt/otmv/bin", "/artifact", "/etc", "/cache"])
def test_its_files_cannot_be_changed(server: Container, folder: str) -> None:
    ended = server.python(f"open('{folder}/new', 'w')")
    assert ended.code != 0
    assert "Read-only file system" in ended.said or "Permission denied" in ended.said


def test_a_temporary_file_can_be_written(server: Container) -> None:
    assert server.python("open('/tmp/new', 'w').write('x')").code == 0


def test_a_volume_keeps_the_latency_profile(image: str) -> None:
    """A fresh volume takes the owner of the folder in the image."""
    code = "import os; os.makedirs('/cache/latency'); print(os.stat('/cache').st_uid)"
    flags = ("run", "--rm", "--read-only", "--volume=/cache", "--entrypoint=python")
    assert asked(*flags, image, "-c", code).split()[-1] == "10001"


def test_it_answers(server: Container) -> None:
    response = ask(server, "what color is the large circle?", "how many objects are there?")
    assert response.status_code == 200, response.text
    assert [answer["answer"] for answer in response.json()["answers"]] == ["green", "4"]


def test_the_documented_memory_holds_the_most_the_settings_allow(server: Container) -> None:
    """The dearest kind of picture, as large as may be, in as many bodies as are let in."""
    side_px = math.isqrt(Settings.model_fields["max_pixels"].default)
    deep = io.BytesIO()
    gray = np.full((side_px, side_px), 0.5, np.float32)
    Image.fromarray(gray).save(deep, "TIFF", compression="tiff_lzw")
    picture = deep.getvalue().ljust(19 * 2**20, b"\0")
    with ThreadPoolExecutor(32) as threads:
        asking = [threads.submit(ask, server, "q?", picture=picture) for _ in range(32)]
        statuses = [each.result().status_code for each in asking]
    peak = re.search(
        r"VmHWM:\s+(\d+) kB", server.python("print(open('/proc/1/status').read())").said
    )
    assert peak is not None
    print(f"at most {int(peak[1]) * 1024 / 1e9:.2f} GB of {MEMORY}")
    assert {200, 429} <= set(statuses) <= {200, 429, 504}, statuses
    state = inspected(server.name)["State"]
    assert (state["Running"], state["OOMKilled"]) == (True, False)


def test_the_limit_is_a_limit(image: str) -> None:
    """Or the test above would show nothing."""
    flags = ("--rm", f"--memory={MEMORY}", f"--memory-swap={MEMORY}", "--entrypoint=python")
    code = "blocks = [b'x' * 2**26 for _ in range(80)]"  # 5 GiB
    assert call("run", *flags, image, "-c", code).code == 137


def test_sigterm_lets_open_requests_finish(server: Container) -> None:
    """Last: it stops the server."""
    with ThreadPoolExecutor(7) as threads:
        asking = [
            threads.submit(ask, server, *["what color is the large circle?"] * 32, variant="full")
            for _ in range(7)
        ]
        server.until(lambda: queue_depth(server) > 100, "no queue")
        server.terminate()
        server.until(lambda: server.state() == "draining", "it does not drain")
        waiting = sum(not each.done() for each in asking)
        refused = ask(server, "how many objects are there?")
        responses = [each.result() for each in asking]
    assert waiting, "all was answered before it was told to stop"
    assert refused.status_code == 503
    for response in responses:
        assert response.status_code == 200, response.text
        assert [answer["answer"] for answer in response.json()["answers"]] == ["green"] * 32
    assert server.exit_code() == 0


@pytest.fixture(scope="module")
def gpu_image() -> str:
    if not GPU_EXTRA:
        pytest.skip("IMAGE_TEST_GPU_EXTRA names no extra")
    return image_tools.build("serve-gpu", GPU_EXTRA=GPU_EXTRA, PIP_EXTRA_INDEX_URL="")


def test_without_a_gpu_the_gpu_image_says_so(gpu_image: str) -> None:
    ended = call("run", "--rm", *image_tools.HARDENED, gpu_image)
    assert ended.code == 1, ended.said
    assert "NVIDIA driver" in ended.said
    assert "Traceback" not in ended.said


@pytest.mark.skipif(GPU_EXTRA != "tensorrt-rtx", reason="only this builds plans without a GPU")
def test_the_gpu_image_builds_plans_ahead_of_time(gpu_image: str) -> None:
    flags = ("run", "--rm", *image_tools.HARDENED, "--volume=/cache", gpu_image)
    words = ("build", "/artifact", "--arch=sm_89", "--stages=stem[vqa]", "--cache=/cache")
    said = asked(*flags, *words)
    assert "/cache/plans" in said
