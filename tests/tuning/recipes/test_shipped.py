"""Shipped recipes: the demo's run is what it was; the paper's are Table 1 of its supplement."""

from __future__ import annotations

import hashlib
import re
import tomllib

import pytest

from tuning.recipe import RECIPES
from tuning.recipes.parts import Otmv
from tuning.recipes.sets import SetsFile
from tuning.recipes.shipped_recipes import find_recipe, shipped_names, shipped_text
from tuning.state import _fingerprint

FINGERPRINTS = {
    "demo": "70e00e9a38207a60d67ab9dca533cf0f7d8ea2761109b8b75618181b225cbb63",
    "demo-literal": "4a5c80f6d96f98dfd34afdb9233881419fdf7c02fe3aa37ab39a44e09e611a8b",
    "demo-retrieval": "febc16792cfc62d27698cbf42ef8bf19e5b6fa322068fef45538d8f2f05de551",
    "smoke": "f381abb551d33673e3c4e3ac9a188731e3174bc9fa4782367208201f706297e9",
}
"""SHA-256 of what a run is known by when it resumes; runs begun before must go on."""

# Task, initial learning rate, weight decay, epochs, batch, data, GPUs: supplement, Table 1.
TABLE_1 = {
    "beit3_base_vqa": ("vqa", 3e-5, 0.01, 10, 128, "vqav2", 8),
    "beit3_base_nlvr2": ("reason", 5e-4, 0.2, 20, 256, "nlvr2", 8),
    "beit3_base_retrieval_coco": ("embed", 2e-4, 0.05, 15, 3072, "coco", 16),
    "beit3_base_retrieval_flickr30k": ("embed", 1e-4, 0.05, 20, 3072, "flickr30k", 16),
    "beit3_base_caption": ("caption", 4e-5, 0.05, 10, 256, "coco", 8),
    "beit3_large_vqa": ("vqa", 2e-5, 0.01, 10, 128, "vqav2", 8),
    "beit3_large_nlvr2": ("reason", 1e-4, 0.2, 20, 256, "nlvr2", 8),
    "beit3_large_retrieval_coco": ("embed", 5e-5, 0.05, 15, 3072, "coco", 32),
    "beit3_large_retrieval_flickr30k": ("embed", 5e-5, 0.05, 20, 3072, "flickr30k", 32),
    "beit3_large_caption": ("caption", 8e-6, 0.05, 10, 256, "coco", 8),
}


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_runs_begun_before_recipes_were_files_go_on(name: str) -> None:
    found = hashlib.sha256(_fingerprint(RECIPES[name]).encode()).hexdigest()
    assert found == FINGERPRINTS[name]


def test_every_shipped_recipe_is_one_and_has_its_file_s_name() -> None:
    assert set(shipped_names()) >= {*FINGERPRINTS, *TABLE_1}
    for name in shipped_names():
        assert find_recipe(name).name == name


@pytest.mark.parametrize("name", TABLE_1)
def test_the_paper_s_recipes_are_table_1(name: str) -> None:
    task, rate, decay, epochs, batch, data, gpus = TABLE_1[name]
    file = find_recipe(name)
    assert isinstance(file, SetsFile)
    assert list(file.tasks) == [task]
    said = file.tasks[task]
    assert (said.batch, said.format) == (batch, data)
    assert (file.optimiser.learning_rate, file.optimiser.weight_decay) == (rate, decay)
    assert (file.run.epochs, file.run.steps) == (epochs, None)
    assert f"tuned on {gpus} GPUs" in shipped_text(name)
    assert file.model.size == name.split("_")[1]
    method = file.method
    assert isinstance(method, Otmv)
    assert (method.merge, method.freeze_coefficients) == ("mean", False)
    assert 0.05 <= method.skip_probability <= 0.1
    assert said.chooses not in (*said.splits, said.reports)


@pytest.mark.parametrize("name", TABLE_1)
def test_every_number_of_the_paper_s_recipes_says_where_it_is_from(name: str) -> None:
    text = shipped_text(name)
    parts = set(tomllib.loads(text)) - {"name", "about"}
    for part in parts:
        body = re.split(rf"^\[{part}[.\w]*\].*$", text, flags=re.M)[1].split("\n[")[0]
        for line in body.splitlines():
            if re.search(r"= -?[\d.]", line) and "accumulation" not in line:
                assert re.search(r"\[(paper|public|ours)\]", line), line
