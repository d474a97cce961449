"""Vectors are tuned in pairs, and scored by what finds its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from artifact.pattern import SkipPattern
from artifact.task import EMBED
from models.checkpoint import Checkpoint
from models.embeddings import embed_images, embed_texts, side_by_side_bias
from models.series import OtmvModel, read_joint
from tuning.evaluation import Evaluation
from tuning.labelled import generated
from tuning.pool import PicturePool
from tuning.recipe import RECIPES
from tuning.tasks.contract import TuningStep
from tuning.tasks.embed import TUNED_EMBED, pair_batch
from tuning.tokens import PAD_ID, world_tokenizer

CONFIG = dataclasses.replace(RECIPES["smoke"].config, tasks=(EMBED,), num_answers=0)
FULL = tuple(range(CONFIG.orders))


@pytest.fixture(scope="module")
def model() -> OtmvModel:
    torch.manual_seed(3)
    return OtmvModel(CONFIG).eval()


def test_a_pair_is_a_picture_of_several_objects_and_its_caption(pool: PicturePool) -> None:
    batch = pair_batch(pool, 0, 3, 6)
    assert bool((batch.mask == (batch.tokens != PAD_ID)).all())
    assert int(batch.mask.sum(1).max()) == batch.tokens.shape[1]
    assert int(batch.mask.sum(1).min()) > 6
    for pixels, tokens in zip(batch.pixels, batch.tokens, strict=True):
        place = int(np.flatnonzero((pool.pixels == pixels.numpy()).all((1, 2, 3)))[0])
        assert np.array_equal(pool.captions[place, : len(tokens)], tokens)
    assert len({each.numpy().tobytes() for each in batch.pixels}) == len(batch.pixels)


def test_a_batch_of_pairs_is_fixed_by_seed_and_step(pool: PicturePool) -> None:
    first, again = (pair_batch(pool, 0, 7, 5) for _ in range(2))
    assert bool((first.tokens == again.tokens).all() and (first.pixels == again.pixels).all())
    other = pair_batch(pool, 0, 8, 5)
    assert bool((first.pixels != other.pixels).any())


def test_the_loss_of_vectors_that_say_nothing_is_that_of_guessing(pool: PicturePool) -> None:
    model = OtmvModel(CONFIG)
    recipe = dataclasses.replace(RECIPES["demo-retrieval"], config=CONFIG, batch_sizes={EMBED: 6})
    with torch.no_grad():
        model.heads[EMBED].logit_scale.fill_(-20.0)
    found = TUNED_EMBED.loss(TuningStep(recipe, pool, model, 0, torch.device("cpu"), FULL))
    assert found.loss.item() == pytest.approx(np.log(6), rel=1e-3)


def test_gradients_reach_both_heads_and_the_scale(pool: PicturePool) -> None:
    model = OtmvModel(CONFIG)
    recipe = dataclasses.replace(RECIPES["demo-retrieval"], config=CONFIG, batch_sizes={EMBED: 6})
    TUNED_EMBED.loss(TuningStep(recipe, pool, model, 0, torch.device("cpu"), FULL)).loss.backward()
    for name, parameter in model.heads[EMBED].named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name


@torch.inference_mode()
def test_pictures_and_texts_side_by_side_are_as_each_alone(
    pool: PicturePool, model: OtmvModel
) -> None:
    """What the search of the ladder runs is what is served."""
    batch = pair_batch(pool, 0, 0, 5)
    h = torch.cat([model.stem.image(batch.pixels), model.stem.text(batch.tokens)], dim=1)
    tokens = h.shape[1] - batch.tokens.shape[1]
    bias = side_by_side_bias(tokens, batch.mask)
    _, y = model.chain(h, FULL, tokens, bias, read_joint(tokens))
    image, text = model.heads[EMBED](y).unbind(1)
    assert torch.allclose(image, embed_images(model, batch.pixels, FULL), atol=1e-5)
    assert torch.allclose(text, embed_texts(model, batch.tokens, batch.mask, FULL), atol=1e-5)


def test_a_variants_score_names_recall_both_ways(model: OtmvModel) -> None:
    data = generated(9, 30, 1, CONFIG.image_size)
    checkpoint = Checkpoint(model, world_tokenizer(), (), None, {})
    evaluation = Evaluation(checkpoint, data, torch.device("cpu"))
    shares: list[float] = []
    found = TUNED_EMBED.score(evaluation, SkipPattern.full(CONFIG.orders), shares.append)
    assert found.quality is not None
    assert set(found.kinds) == {
        f"{way}, R@{depth}" for way in ("text to picture", "picture to text") for depth in (1, 5)
    }
    ways = [found.kinds[f"{way}, R@1"] for way in ("text to picture", "picture to text")]
    assert found.quality == pytest.approx(np.mean(ways))
    assert shares[-1] == 1.0
