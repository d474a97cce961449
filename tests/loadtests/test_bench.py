from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artifact.config import ModelConfig
from artifact.store import open_artifact
from engine.backends.registry import open_backend
from loadtests.bars import Bar
from loadtests.bench import artifacts, child, program
from loadtests.bench.artifacts import VARIANTS, ensure_artifacts, write_many
from loadtests.bench.comparisons import BY_NAME, COMPARISONS, Comparison
from loadtests.bench.live import Live, Monolith, draw_inputs, one_batch, question_of
from loadtests.bench.pairs import Pairs, difference_bar, quartiles, ratio_bar, take_pairs
from loadtests.bench.program import run_all
from loadtests.bench.report import results, write_results
from loadtests.bench.server import question_bytes
from loadtests.bench.setup import BenchError, Setup
from server.http.multipart import parse_multipart
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import TinyModel, tiny_config

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples/demo-artifact"
CONFIG = ModelConfig(
    name="small",
    image_size=32,
    patch_size=16,
    width=8,
    heads=2,
    ffn_width=16,
    vocab_size=10,
    max_text_positions=8,
    key_of_order=(0, 0, 0),
    merged_feed_forward=True,
    readout="series",
    skip_probability=0.1,
    num_answers=5,
    tasks=("vqa",),
)


def silent(what: str, share: float) -> None:
    pass


def a_setup(folder: Path, pairs: int = 1) -> Setup:
    return Setup(folder, DEMO, "onnxruntime", pairs, 0)


def test_sides_take_turns_and_the_first_alternates() -> None:
    seen: list[str] = []

    def side(name: str, value: float) -> float:
        seen.append(name)
        return value

    told: list[tuple[str, float]] = []
    pairs = take_pairs(
        lambda: side("ours", 2.0),
        lambda: side("theirs", 1.0),
        3,
        lambda what, share: told.append((what, share)),
    )
    assert seen == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert pairs == Pairs((2.0, 2.0, 2.0), (1.0, 1.0, 1.0))
    assert [what for what, _ in told] == ["pair 1 of 3", "pair 2 of 3", "pair 3 of 3"]
    assert [share for _, share in told] == pytest.approx([0, 1 / 3, 2 / 3])


def test_the_measured_ratio_is_the_median_of_the_pairs_own() -> None:
    pairs = Pairs((1.0, 3.0, 10.0), (1.0, 2.0, 4.0))
    bar = ratio_bar("r", pairs, 1.2, "s", library="x 1")
    assert (bar.measured, bar.verdict) == (1.5, "short")
    assert bar.evidence["ours"]["quartiles"] == [2.0, 3.0, 6.5]
    assert bar.evidence["theirs"]["values"] == [1.0, 2.0, 4.0]
    assert bar.evidence["library"] == "x 1"
    assert difference_bar("d", pairs, 1.0, "ms").measured == 1.0
    assert quartiles([4.0]) == (4.0, 4.0, 4.0)


@pytest.mark.parametrize(("count", "claimed"), [(14, False), (15, True)])
def test_few_pairs_are_not_claimed(count: int, claimed: bool) -> None:
    bar = ratio_bar("r", Pairs((1.0,) * count, (1.0,) * count), 1.2, "s")
    assert bar.evidence["claimed"] is claimed
    assert ("too few to claim" in bar.spread) is not claimed


def test_the_file_says_where_numbers_come_from(tmp_path: Path) -> None:
    bars = [Bar("a", 1.0, 1.05, False, "", {"pairs": 15}), Bar("b", None, 2.0, True, "why")]
    path = tmp_path / "new" / "engine.json"
    write_results(path, bars, {"seed": 3, "command": "otmv bench engine"})
    found = json.loads(path.read_text())
    assert found == results(bars, {"seed": 3, "command": "otmv bench engine"})
    assert {"machine", "commit", "libraries", "seed", "command", "bars"} <= set(found)
    assert found["libraries"]["numpy"] == np.__version__
    assert [bar["verdict"] for bar in found["bars"]] == ["ok", "not-run"]
    assert [each.name for each in path.parent.iterdir()] == ["engine.json"]


def test_a_setup_crosses_to_another_process(tmp_path: Path) -> None:
    setup = a_setup(tmp_path)
    assert Setup.from_json(setup.to_json()) == setup


def test_the_request_is_one_the_server_reads() -> None:
    head, _, body = question_bytes(b"\xff\xd8jpeg", "what?", "d2").partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert int(fields["Content-Length"]) == len(body)
    parts = {part.name: part.data for part in parse_multipart(body, fields["Content-Type"])}
    assert parts == {"question": b"what?", "variant": b"d2", "image": b"\xff\xd8jpeg"}


def test_many_variants_share_every_file(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "base1")
    write_many(tmp_path / "base1", tmp_path / "many")
    made = open_artifact(tmp_path / "many")
    assert len(made.manifest.variants) == VARIANTS
    for name in made.manifest.files:
        assert (tmp_path / "base1" / name).samefile(made.path(name))


def test_many_variants_follow_their_source(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "base1")
    names = ["base1", "base1-64"]
    first = ensure_artifacts(tmp_path, names, silent)
    assert ensure_artifacts(tmp_path, names, silent) == first
    shutil.rmtree(tmp_path / "base1")
    write_tiny(tmp_path / "base1", TinyModel(tiny_config((0,) * 8)))
    second = ensure_artifacts(tmp_path, names, silent)
    assert second["base1-64"] != first["base1-64"]


def test_what_is_missing_is_exported_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"needs torch: pip install 'otmv-serve\[export\]'"):
        ensure_artifacts(tmp_path, ["base1"], silent)
    made = write_tiny(tmp_path / "base12")
    assert ensure_artifacts(tmp_path, ["base12"], silent) == {"base12": made.hash}


def test_only_the_products_are_left() -> None:
    onnx = pytest.importorskip("onnx")
    from loadtests.bench.matmuls import Products

    products = Products(CONFIG, text_tokens=3, batch=2)
    stage = products.load(open_backend("onnxruntime"))
    outputs = stage.run(products.inputs)
    assert outputs["answers.result"].shape == (2, 5)
    assert all(np.isfinite(array).all() for array in outputs.values())
    kinds = [node.op_type for node in products.nodes]
    per_order = 2 + 2 + 2 + 2  # qkv and out per modality, scores and mixed, fc1 and fc2
    assert kinds.count("MatMul") == per_order * CONFIG.orders + 3
    assert kinds.count("Conv") == 1
    assert set(kinds) == {"MatMul", "Conv", "Gather"}
    assert onnx.__version__


def test_one_graph_and_the_live_engine_answer_alike(tmp_path: Path) -> None:
    artifact = open_artifact(DEMO, verify=False)
    inputs = draw_inputs(artifact, 3, 8, seed=0)
    assert question_of(artifact, 8).startswith("what color is the circle")
    monolith = Monolith(artifact, open_backend("onnxruntime"))
    best = monolith.best(one_batch(artifact, inputs))
    with Live(DEMO, "onnxruntime", 4, tmp_path, check_golden=False) as live:
        assert live.ask_together(inputs) > 0
        _, answers = live.ask(inputs, ["full"] * 3)
    labels = artifact.labels()
    assert [labels[index] for index in best] == [answer.labels[0][0] for answer in answers]


def test_a_monolith_needs_its_graph(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny")
    with pytest.raises(BenchError, match="--whole full"):
        Monolith(artifact, open_backend("onnxruntime"), "d9")


@pytest.mark.slow
@pytest.mark.e2e
def test_a_comparison_runs_in_its_own_process_and_has_both_sides(tmp_path: Path) -> None:
    (tmp_path / "base1").symlink_to(DEMO)
    told: list[str] = []
    setup = a_setup(tmp_path, pairs=2)
    found = run_all(
        [BY_NAME["variant"]], ["onnxruntime"], setup, lambda what, share: told.append(what)
    )
    assert found.failures == []
    (bar,) = found.bars
    assert bar.name == "engine.variant-change.onnxruntime.ms"
    assert min(bar.evidence["ours"]["values"]) > 0 < min(bar.evidence["theirs"]["values"])
    assert bar.evidence["rival_reload"]["quartiles"][1] > 0
    assert any("pair 6 of 6" in what for what in told)
    assert list(found.seconds) == ["variant onnxruntime"]


def test_a_comparison_that_fails_is_told_and_does_not_stop_the_others(tmp_path: Path) -> None:
    found = run_all(
        [BY_NAME["variant"], BY_NAME["http-idle"]],
        ["onnxruntime"],
        Setup(tmp_path, tmp_path, "", 1, 0),
        silent,
    )
    assert [bar.verdict for bar in found.bars] == ["not-run", "not-run"]
    assert len(found.failures) == 2
    assert "manifest.json" in found.failures[0]
    assert "--demo" in found.failures[1]


def test_a_backend_that_is_not_installed_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "installed_backends", lambda: {"onnxruntime": "1"})
    monkeypatch.setattr(program, "suits_machine", lambda name: name in ("onnxruntime", "openvino"))
    monkeypatch.setattr(program, "_run_apart", lambda task, setup, report: ([], None))
    found = run_all(COMPARISONS, ["onnxruntime"], a_setup(Path()), silent)
    assert [bar.name for bar in found.bars] == [
        f"engine.{each.name}.openvino" for each in COMPARISONS if not each.backends
    ]
    assert {bar.verdict for bar in found.bars} == {"not-run"}


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    class Module:
        @staticmethod
        def measure(setup: Setup, report: object) -> list[Bar]:
            raise ModuleNotFoundError("no", name="onnx")

    monkeypatch.setattr(child.importlib, "import_module", lambda name: Module)
    child.run("matmuls", a_setup(Path()), sent.append)
    (bar,) = (Bar(**found) for found in sent[0]["bars"])
    assert (bar.name, bar.verdict) == ("engine.matmuls.onnxruntime", "not-run")
    assert bar.spread == "needs onnx: pip install 'otmv-serve[export]'"


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda comparison: comparison.name)
def test_every_comparison_has_a_module_and_a_line_in_the_docs(comparison: Comparison) -> None:
    assert (ROOT / "loadtests/bench" / f"{comparison.module}.py").is_file()
    assert f"`{comparison.name}`" in (ROOT / "docs/benchmarks.md").read_text("utf-8")
