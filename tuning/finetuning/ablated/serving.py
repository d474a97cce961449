"""What an adapter costs when it answers: passes with it beside passes of the base, in turns."""

from __future__ import annotations

import statistics
import time

import torch

from artifact.task import TaskName
from models.adapters.hooked import attach, detach
from models.adapters.tunable import AdapterModule
from tuning.finetuning.loop import FineTuning
from tuning.finetuning.losses import on_sets
from tuning.finetuning.rehearsal import random_batch
from tuning.methods.adapter import ADAPTER

_ROWS = 8
_TURNS = 15


@torch.inference_mode()
def serving_ratio(tuning: FineTuning, task: TaskName) -> list[float]:
    """Return quartiles of processor time with the adapter over that without, of whole passes.

    All rows have the one adapter, in torch and fp32. LoRA merged and AdaLink folded cost nothing.

    Args:
        tuning: a run that tuned an adapter.
        task: what is asked; of one that writes, the pass over its captions.
    """
    model, batch = tuning.model.eval(), random_batch(tuning, task, _ROWS)
    module = model.get_submodule(ADAPTER)
    assert isinstance(module, AdapterModule)
    orders = tuple(range(model.config.orders))
    ratios = []
    for turn in range(-1, _TURNS):
        taken_s = {}
        for adapted in (True, False) if turn % 2 else (False, True):
            attach(model, module) if adapted else detach(model)
            began_s = time.process_time()
            on_sets(task).loss(model, tuning.asking[task], batch, orders)
            taken_s[adapted] = time.process_time() - began_s
        if turn >= 0:
            ratios.append(taken_s[True] / taken_s[False])
    attach(model, module)
    return [round(each, 4) for each in statistics.quantiles(ratios, n=4, method="inclusive")]
