"""What every backend must do. A backend's test module subclasses this and gives `backend`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artifact.golden import read_stage_cases, relative_l2
from artifact.store import Artifact
from artifact.task import TASKS
from engine.backends.base import Backend, LoadedStage
from engine.errors import InferenceFailed, LoadFailed
from engine.opening.golden import PARITY_LIMITS
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.answers.solo_answers import vqa_logits
from tests.engine.artifacts.tiny_gallery import COMPOSED, inputs_of, write_gallery
from tests.engine.artifacts.tiny_model import SIDE, TRIO, VOCAB

STAGES = [*COMPOSED, *(s for task in TRIO for s in TASKS[task].whole_stages("slim"))]


class BackendContract:
    """Runs the tiny artifact's stages against their NumPy twin."""

    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
        return write_gallery(tmp_path_factory.mktemp("contract") / "tiny", COMPOSED)

    @pytest.fixture(scope="class")
    @classmethod
    def cache_dir(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """An empty cache folder, for backends that need one."""
        return tmp_path_factory.mktemp("contract-cache")

    def load(self, backend: Backend, artifact: Artifact, stage: str) -> LoadedStage:
        spec = artifact.manifest.stages[stage]
        return backend.load(stage, artifact.path(spec.file), spec)

    def limit(self, backend: Backend) -> float:
        return PARITY_LIMITS[backend.precision]

    def test_it_says_what_it_is(self, backend: Backend) -> None:
        assert backend.name
        assert any(character.isdigit() for character in backend.library)

    @pytest.mark.parametrize("stage", STAGES)
    def test_golden_parity(self, backend: Backend, artifact: Artifact, stage: str) -> None:
        assert artifact.manifest.golden is not None
        cases = read_stage_cases(artifact.path(artifact.manifest.golden.stages))
        (case,) = [case for case in cases if case.stage == stage]
        outputs = self.load(backend, artifact, stage).run(case.inputs)
        assert set(outputs) == set(case.outputs)
        for name, reference in case.outputs.items():
            assert outputs[name].dtype == np.float32
            assert relative_l2(outputs[name], reference) <= self.limit(backend)

    @pytest.mark.parametrize("stage", STAGES)
    def test_a_row_alone_is_the_row_in_company(
        self, backend: Backend, artifact: Artifact, stage: str
    ) -> None:
        loaded = self.load(backend, artifact, stage)
        inputs = inputs_of(stage, batch=5, seed=1)
        together = loaded.run(inputs)
        for row in range(5):
            alone = loaded.run({name: array[row : row + 1] for name, array in inputs.items()})
            for name, array in alone.items():
                assert relative_l2(array[0], together[name][row]) <= self.limit(backend)

    def test_the_top_answer_does_not_depend_on_company(
        self, backend: Backend, artifact: Artifact
    ) -> None:
        family = Family(artifact.manifest, backend.precision)
        stages = StageSet(artifact, backend, family, max_batch=1)
        stages.load(lambda what, share: None)
        rng = np.random.default_rng(3)
        pixels = list(rng.integers(0, 256, (200, SIDE, SIDE, 3), np.uint8))
        tokens = [[1, *rng.integers(5, VOCAB, 1 + n % 5).tolist(), 2] for n in range(len(pixels))]
        alone = vqa_logits(Solo(family, stages.run, max_batch=1), "full", pixels, tokens)
        together = vqa_logits(Solo(family, stages.run, max_batch=16), "full", pixels, tokens)
        assert relative_l2(together, alone) <= self.limit(backend)
        assert np.mean(alone.argmax(axis=1) == together.argmax(axis=1)) >= 0.99

    @pytest.mark.parametrize("stage", STAGES)
    def test_every_batch_size(self, backend: Backend, artifact: Artifact, stage: str) -> None:
        loaded = self.load(backend, artifact, stage)
        for batch in (1, 2, 3, 7, 16, 1):
            outputs = loaded.run(inputs_of(stage, batch, seed=batch))
            assert {len(array) for array in outputs.values()} == {batch}

    def test_outputs_belong_to_the_caller(self, backend: Backend, artifact: Artifact) -> None:
        loaded = self.load(backend, artifact, "block[0]")
        first = loaded.run(inputs_of("block[0]", 2, seed=1))
        kept = {name: array.copy() for name, array in first.items()}
        loaded.run(inputs_of("block[0]", 2, seed=2))
        for name, array in kept.items():
            np.testing.assert_array_equal(first[name], array)

    @pytest.mark.parametrize("stage", STAGES)
    def test_outputs_are_written_where_the_caller_wants_them(
        self, backend: Backend, artifact: Artifact, stage: str
    ) -> None:
        loaded = self.load(backend, artifact, stage)
        for batch, seed in ((2, 1), (2, 2), (3, 3)):
            inputs = inputs_of(stage, batch, seed)
            kept = {name: array.copy() for name, array in inputs.items()}
            expected = loaded.run(inputs)
            for names in (list(expected)[:1], list(expected)):
                into = {name: np.full_like(expected[name], np.nan) for name in names}
                found = loaded.run(inputs, into)
                assert set(found) == set(expected)
                for name, array in found.items():
                    assert (array is into.get(name)) == (name in into)
                    np.testing.assert_array_equal(array, expected[name])
            for name, array in inputs.items():
                np.testing.assert_array_equal(array, kept[name])

    def test_the_same_arrays_again_hold_new_numbers(
        self, backend: Backend, artifact: Artifact
    ) -> None:
        """A sticky batch runs on the same arrays step after step; others come in between."""
        loaded = self.load(backend, artifact, "block[0]")
        given = [inputs_of("block[0]", 2, seed) for seed in range(20)]
        into = [
            {name: np.empty_like(array) for name, array in loaded.run(inputs).items()}
            for inputs in given
        ]
        for turn in range(2):
            for inputs, outputs in zip(given, into, strict=True):
                inputs["h"] += turn
                expected = loaded.run({name: array.copy() for name, array in inputs.items()})
                loaded.run(inputs, outputs)
                for name, array in outputs.items():
                    np.testing.assert_array_equal(array, expected[name])

    def test_outputs_beside_given_ones_belong_to_the_caller(
        self, backend: Backend, artifact: Artifact
    ) -> None:
        loaded = self.load(backend, artifact, "block[0]")
        inputs = inputs_of("block[0]", 2, seed=1)
        into = {"h_out": np.empty_like(inputs["h"])}
        first = loaded.run(inputs, into)["r"]
        kept = first.copy()
        loaded.run(inputs_of("block[0]", 2, seed=2), into)
        np.testing.assert_array_equal(first, kept)

    @pytest.mark.parametrize("seen", [False, True])
    def test_an_array_that_does_not_fit_an_output_is_a_typed_error(
        self, backend: Backend, artifact: Artifact, seen: bool
    ) -> None:
        loaded = self.load(backend, artifact, "block[0]")
        inputs = inputs_of("block[0]", 2, seed=1)
        if seen:
            loaded.run(inputs)
        h = np.zeros_like(inputs["h"])
        frozen = h.copy()
        frozen.flags.writeable = False
        wrong = {
            "fewer rows": {"h_out": h[:1]},
            "more rows": {"h_out": np.concatenate([h, h])},
            "as many bytes": {"h_out": np.zeros((1, 2 * h.shape[1], h.shape[2]), h.dtype)},
            "another dtype": {"h_out": h.astype(np.float64)},
            "not contiguous": {"h_out": np.concatenate([h, h], axis=1)[:, ::2]},
            "read only": {"h_out": frozen},
            "an input": {"h_out": inputs["h"]},
            "no such output": {"h_new": h},
        }
        for into in wrong.values():
            with pytest.raises(InferenceFailed, match=r"block\[0\]"):
                loaded.run(inputs, into)
        assert loaded.run(inputs, {"h_out": h})["h_out"] is h

    def test_a_missing_input_is_a_typed_error(self, backend: Backend, artifact: Artifact) -> None:
        loaded = self.load(backend, artifact, "block[0]")
        inputs = inputs_of("block[0]", 2, seed=1)
        del inputs["mask"]
        with pytest.raises(InferenceFailed, match=r"block\[0\]"):
            loaded.run(inputs)
        assert loaded.run(inputs_of("block[0]", 2, seed=1))

    def test_a_broken_file_is_a_typed_error(
        self, backend: Backend, artifact: Artifact, tmp_path: Path
    ) -> None:
        (tmp_path / "broken.onnx").write_bytes(b"not a graph")
        spec = artifact.manifest.stages["head[vqa]"]
        with pytest.raises(LoadFailed, match=r"head\[vqa\].*export"):
            backend.load("head[vqa]", tmp_path / "broken.onnx", spec)

    def test_another_stages_file_is_refused(self, backend: Backend, artifact: Artifact) -> None:
        stages = artifact.manifest.stages
        with pytest.raises(LoadFailed, match="manifest says otherwise"):
            backend.load("head[vqa]", artifact.path(stages["stem[vqa]"].file), stages["head[vqa]"])
