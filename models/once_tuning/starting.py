"""A model to tune, grown from another: other tasks, answers, picture sizes, fewer key blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from artifact.config import ModelConfig
from models.norms import IMAGE, TEXT
from models.once_tuning.merge import Merge, elementwise_mean, first_block
from models.series import OtmvModel
from models.stem import resized_positions

_POSITIONS = "stem.image_positions.weight"
_OTHER_POSITIONS = "stem.other_image_positions.{}.weight"
_SHARED = ("qkv", "out", "fc1", "fc2")
_NORMS = ("attention_norm", "inner_attention_norm", "ffn_norm", "inner_ffn_norm")

State = dict[str, Tensor]


def grown(source: OtmvModel, config: ModelConfig, merge: Merge = elementwise_mean) -> OtmvModel:
    """Make a model of another config that begins as `source` does, as far as they go together.

    New words, answers and heads are random, by torch's generator. Positions are interpolated for
    other picture sizes. Where the config has fewer keys, each takes the matrices of the first block
    of its run, and every order keeps its norms and coefficient.

    Args:
        source: its orders and width are the config's.
        config: of the result.
        merge: merges the feed-forwards where the config asks for it and `source` has two.

    Raises:
        ValueError: the two cannot go together.
    """
    _check(source.config, config)
    model, old = OtmvModel(config), source.state_dict()
    state = model.state_dict()
    for name in state:
        if name in old and not name.startswith("keys.") and "positions" not in name:
            state[name] = _rows_of(old[name], state[name])
    state |= _positions(old, source.config, config, state)
    if config.key_of_order == source.config.key_of_order and (
        config.merged_feed_forward == source.config.merged_feed_forward
    ):
        state |= {name: tensor for name, tensor in old.items() if name.startswith("keys.")}
    else:
        state |= _shared_keys(old, source.config, config, merge)
    model.load_state_dict(state)
    return model


def keep_answers(
    model: OtmvModel, before: OtmvModel, old: Sequence[str], new: Sequence[str]
) -> None:
    """Give the answers that both lists hold their old rows; the task's others begin at random."""
    places = {answer: place for place, answer in enumerate(old)}
    pairs = [(place, places[answer]) for place, answer in enumerate(new) if answer in places]
    for task, head in model.heads.items():
        part = getattr(type(head), "answers_part", None)
        if part is None or task not in before.heads or not pairs:
            continue
        ours, theirs = getattr(head, part), getattr(before.heads[task], part)
        to, of = (torch.tensor(places) for places in zip(*pairs, strict=True))
        with torch.no_grad():
            torch.nn.init.xavier_uniform_(ours.weight)
            torch.nn.init.zeros_(ours.bias)
            ours.weight[to], ours.bias[to] = theirs.weight[of], theirs.bias[of]


def _check(old: ModelConfig, new: ModelConfig) -> None:
    for name in ("orders", "width", "heads", "ffn_width", "patch_size"):
        if getattr(old, name) != getattr(new, name):
            raise ValueError(f"{name} is {getattr(old, name)}, not {getattr(new, name)}")
    same = (old.key_of_order, old.merged_feed_forward) == (
        new.key_of_order,
        new.merged_feed_forward,
    )
    if not same and old.keys != old.orders:
        raise ValueError(
            f"{old.keys} key blocks for {old.orders} orders cannot become {new.keys} key blocks"
        )


def _rows_of(old: Tensor, new: Tensor) -> Tensor:
    """Return the old tensor; where the new one has more or fewer rows, as many as both have."""
    if old.shape == new.shape:
        return old
    if old.shape[1:] != new.shape[1:]:
        return new
    rows = min(len(old), len(new))
    return torch.cat([old[:rows], new[rows:]])


def _positions(old: State, before: ModelConfig, config: ModelConfig, new: State) -> State:
    texts = "stem.text_positions.weight"
    found = {texts: _rows_of(old[texts], new[texts])}
    own, *others = config.image_sizes
    names = {own: _POSITIONS} | {side: _OTHER_POSITIONS.format(side) for side in others}
    had = {before.image_size: _POSITIONS} | {
        side: _OTHER_POSITIONS.format(side) for side in before.image_sizes[1:]
    }
    for side, name in names.items():
        nearest = min(had, key=lambda each: (abs(each - side), each))
        found[name] = resized_positions(old[had[nearest]], side // config.patch_size)
    return found


def _shared_keys(
    old: Mapping[str, Tensor], before: ModelConfig, config: ModelConfig, merge: Merge
) -> State:
    """Return the tensors of all keys, of a model with one key an order."""
    found: State = {}
    for key in range(config.keys):
        run = config.orders_of_key(key)
        for norm in _NORMS:
            for table in ("scale", "shift"):
                rows = [old[f"keys.{order}.{norm}.{table}"] for order in run]
                found[f"keys.{key}.{norm}.{table}"] = torch.cat(rows)
        found[f"keys.{key}.coefficient"] = torch.cat([old[f"keys.{k}.coefficient"] for k in run])
        for linear in _SHARED:
            for kind in ("weight", "bias"):
                both = [
                    first_block([old[f"keys.{order}.{linear}.{branch}.{kind}"] for order in run])
                    for branch in _branches(linear, before)
                ]
                if len(both) > 1 and config.merged_feed_forward and linear.startswith("fc"):
                    both = [merge(*both)]
                for branch, tensor in enumerate(both):
                    found[f"keys.{key}.{linear}.{branch}.{kind}"] = tensor
    return found


def _branches(linear: str, config: ModelConfig) -> tuple[int, ...]:
    merged = linear.startswith("fc") and config.merged_feed_forward
    return (IMAGE,) if merged else (IMAGE, TEXT)
