"""Arrays that stay on the device (ADR 0023): the whole engine on a memory NumPy cannot get at."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artifact.store import Artifact
from artifact.task import TASKS
from engine.backends.arrays import HOST, DeviceArray, Memory, runs
from engine.backends.base import check_into
from engine.backends.stage_memory import moved_inputs, places_for_outputs, stays_in_memory
from engine.config import EngineConfig
from engine.errors import InferenceFailed
from engine.opening.latency import measure_profile
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.residency.probe import buckets_of, stage_call
from engine.residency.stages import StageSet
from tests.engine.answers.solo_answers import caption_words, reason_logits
from tests.engine.artifacts.tiny_gallery import COMPOSED, write_gallery
from tests.engine.artifacts.tiny_model import TRIO, picture
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.memory_contract import MemoryContract
from tests.engine.backends.remote_memory import RemoteBackend, RemoteMemory, look
from tests.engine.pools.fake_backend import FakeBackend
from tests.engine.pools.random_traffic import RandomTraffic, check_alone


class TestRemoteMemory(MemoryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def memory(cls) -> Memory:
        return RemoteMemory()


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact with stages of every kind."""
    return write_gallery(tmp_path_factory.mktemp("every") / "tiny", COMPOSED)


@pytest.mark.parametrize(
    ("rows", "labels", "expected"),
    [
        ([], None, []),
        ([3], None, [(0, 1)]),
        ([0, 1, 2, 5, 6, 4], None, [(0, 3), (3, 5), (5, 6)]),
        ([0, 1, 2, 3], [7, 7, 8, 8], [(0, 2), (2, 4)]),
        ([0, 2, 3], [7, 7, 7], [(0, 1), (1, 3)]),
    ],
)
def test_runs_of_rows(
    rows: list[int], labels: list[int] | None, expected: list[tuple[int, int]]
) -> None:
    assert list(runs(rows, None if labels is None else np.array(labels))) == expected


def test_an_output_goes_only_where_it_fits(trio: Artifact) -> None:
    outputs = trio.manifest.stages["block[0]"].outputs
    remote = RemoteMemory()
    h = remote.zeros((2, 9, 4), np.float32)
    check_into("block[0]", outputs, {"h": np.zeros((2, 9, 4), np.float32)}, {"h_out": h})
    for given, into in (
        (h[:1], h),
        (np.zeros(3), h[:, 1:]),
        (np.zeros(3), remote.zeros((3,), np.float64)),
    ):
        with pytest.raises(InferenceFailed, match="h_out"):
            check_into("block[0]", outputs, {"h": given}, {"h_out": into})


@pytest.mark.parametrize(
    "stage", [*COMPOSED, *(s for t in TRIO for s in TASKS[t].whole_stages("slim"))]
)
def test_places_are_of_the_outputs_shapes(every: Artifact, stage: str) -> None:
    memory, family = RemoteMemory(), Family(every.manifest, "fp32")
    for bucket in buckets_of(family, stage):
        inputs, into = stage_call(every.manifest, memory, stage, bucket, 3)
        found = WHOLE.run(stage, {name: look(array) for name, array in inputs.items()})
        assert into.keys() == {name for name in found if stays_in_memory(name)}
        assert {name: array.shape for name, array in into.items()} == {
            name: found[name].shape for name in into
        }
        assert {name for name, a in inputs.items() if isinstance(a, DeviceArray)} == {
            name for name in inputs if stays_in_memory(name)
        }


def test_on_the_host_nothing_is_kept_anywhere(trio: Artifact) -> None:
    inputs = {"h": np.ones((1, 9, 4), np.float32)}
    assert moved_inputs(HOST, inputs)["h"] is inputs["h"]
    assert places_for_outputs(trio.manifest, HOST, "block[0]", inputs) == {}
    assert stays_in_memory("k.3")
    assert not stays_in_memory("logits")


@pytest.mark.parametrize("faults", [False, True])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole", [False, True])
def test_every_request_gets_the_answer_of_the_host_and_nothing_crosses(
    trio: Artifact, gallery: Artifact, seed: int, faults: bool, whole: bool
) -> None:
    artifact, backend = gallery if whole else trio, RemoteBackend(WHOLE)
    answered = RandomTraffic(artifact, backend, seed, faults).run()
    assert len(answered) >= 10
    alone = Solo(Family(artifact.manifest, "fp32"), FakeBackend(WHOLE).call, max_batch=3)
    for made, answer in answered:
        check_alone(artifact, made, answer, alone)
    check_crossings(backend)


def check_crossings(backend: RemoteBackend) -> None:
    """No hidden state, keys or values went up or down."""
    for names in backend.crossed.values():
        assert names
        assert not [name for name in names if stays_in_memory(name)]
    assert backend.memory.crossed["read"] == 0
    assert backend.memory.crossed["moved"] > 0


def test_a_crowd_without_the_protocol_does_cross(trio: Artifact) -> None:
    """The counters above can fail: this engine keeps its arrays on the host."""

    class Careless(RemoteBackend):
        def __init__(self) -> None:
            super().__init__(WHOLE)
            self.memory = HOST  # type: ignore[assignment]

    backend = Careless()
    RandomTraffic(trio, backend, 0, False).run()
    assert {"h", "k", "v"} <= backend.crossed["up"].keys()
    assert {"h", "h_out", "k_new"} <= backend.crossed["down"].keys()


def test_the_golden_check_and_the_profile_run_as_requests_do(
    trio: Artifact, tmp_path: Path
) -> None:
    backend = RemoteBackend(WHOLE)
    family = Family(trio.manifest, "fp32")
    stages = StageSet(trio, backend, family, max_batch=4)
    stages.load(lambda what, share: None)
    backend.crossed["up"].clear()
    written = backend.memory.crossed["written"]
    solo = Solo(family, stages.run, 4, backend.memory)
    host = Solo(family, FakeBackend(WHOLE).call, 4)
    pixels = [picture(seed) for seed in range(5)]
    assert caption_words(solo, "d3", pixels, beams=2) == caption_words(host, "d3", pixels, beams=2)
    pairs = list(pairwise(pixels))
    tokens = [[1, 5, 6, 2]] * 4
    np.testing.assert_allclose(
        reason_logits(solo, "full", pairs, tokens), reason_logits(host, "full", pairs, tokens), 1e-5
    )
    check_crossings(backend)
    assert backend.memory.crossed["written"] == written
    config = EngineConfig(cache_dir=tmp_path, max_batch=4)
    measure_profile(trio, backend, family, stages, config, lambda what, share: None)
    check_crossings(backend)


def test_a_stages_bytes_include_the_bytes_on_the_device(trio: Artifact) -> None:
    class Heavy(RemoteBackend):
        def load(self, *args: Any) -> Any:
            self.memory.held += 1 << 30
            return super().load(*args)

    backend = Heavy(WHOLE)
    stages = StageSet(trio, backend, Family(trio.manifest, "fp32"), max_batch=2)
    stages.load(lambda what, share: None)
    assert stages.bytes_of("block[0]") >= 1 << 30
