"""What a recipe tunes: the model it starts from, in its method's shape, with words and answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from artifact.config import ModelConfig, TaskConfig
from artifact.errors import ArtifactError
from artifact.task import TASKS, TaskName
from models.checkpoint import Checkpoint, load
from models.once_tuning.starting import grown, keep_answers
from models.presets import VQA_ANSWERS, beit3_config, spread_keys
from models.public import read_tokenizer, start_from_release
from models.public.importing import TOKENIZER
from models.series import OtmvModel
from tuning.finetuning.plan import domain_of
from tuning.finetuning.task_data import TaskData, answers_of
from tuning.methods import tuning_method
from tuning.methods.contract import TuningMethod
from tuning.recipes.errors import RecipeError
from tuning.recipes.parts import Adapt, Otmv, Shape
from tuning.recipes.sets import SetsFile
from tuning.tokens import word_tokenizer, words_of


@dataclass(frozen=True)
class _Source:
    """What a model is grown from: None has random weights."""

    model: OtmvModel | None
    config: ModelConfig
    tokenizer: Tokenizer
    labels: tuple[str, ...]


def start(file: SetsFile, data: Mapping[TaskName, TaskData]) -> tuple[Checkpoint, TuningMethod]:
    """Return the model that tuning begins with, and how it is tuned; the seed decides what is new.

    Raises:
        RecipeError: the recipe contradicts the model.
        DataError: a list of answers cannot be read.
    """
    return _started(file, lambda: _source(file, data), data)


def start_at_random(
    file: SetsFile, data: Mapping[TaskName, TaskData]
) -> tuple[Checkpoint, TuningMethod, tuple[str, ...]]:
    """Return a model of the same shape with random weights, for rehearsals.

    Returns:
        The model, its method, and what of the recipe's model is not there.

    Raises:
        RecipeError: the recipe contradicts the model, or its checkpoint is not there.
    """
    said = file.model
    missing: tuple[str, ...] = ()
    if said.release is not None and not Path(said.release).is_file():
        missing = (f"{said.release} is not there: random weights of its shape",)
    return (*_started(file, lambda: _shape_alone(file, data), data), missing)


def _shape_alone(file: SetsFile, data: Mapping[TaskName, TaskData]) -> _Source:
    if file.model.size is None:
        return _source(file, data)
    config = beit3_config(file.model.size, image_size=224)
    return _Source(None, config, word_tokenizer(("a",)), _made_up_labels(file))


def _made_up_labels(file: SetsFile) -> tuple[str, ...]:
    lists = any(TASKS[task].lists_answers for task in file.tasks)
    return tuple(map(str, range(VQA_ANSWERS))) if lists else ()


def _started(
    file: SetsFile, find: Callable[[], _Source], data: Mapping[TaskName, TaskData]
) -> tuple[Checkpoint, TuningMethod]:
    method = tuning_method(file.method, file.run.seed)
    torch.manual_seed(file.run.seed)
    try:
        source = find()
        labels = (
            source.labels if source.model is None and source.labels else _labels(file, data, source)
        )
        config = method.shaped(_shape_of(file, source, labels))
        if source.model is None:
            model = OtmvModel(config)
        else:
            model = grown(source.model, config, method.merge)
            if labels != source.labels:
                keep_answers(model, source.model, source.labels, labels)
    except ArtifactError as error:
        raise RecipeError(f"{file.name}: model", str(error)) from error
    except ValueError as error:
        raise RecipeError(
            f"{file.name}: the model and the recipe do not fit", str(error)
        ) from error
    _recomputed(model, file)
    method.prepare(model)
    domain = domain_of(data, source.tokenizer)
    return Checkpoint(model, source.tokenizer, labels, None, {}, domain), method


def _recomputed(model: OtmvModel, file: SetsFile) -> None:
    """Let blocks drop branches, the deeper the more, and be computed twice, as the recipe says."""
    model.recomputed = file.run.activation_checkpointing
    last = max(1, model.config.orders - 1)
    for order in range(model.config.orders):
        key, at = model.key_of(order)
        rates = list(key.drop_path)
        rates[at] = file.run.drop_path * order / last
        key.drop_path = tuple(rates)


def _source(file: SetsFile, data: Mapping[TaskName, TaskData]) -> _Source:
    said = file.model
    if said.checkpoint is not None:
        return _from_checkpoint(Path(said.checkpoint), said.new_words, data)
    if said.release is not None and said.size is not None:
        path = Path(said.release)
        model = start_from_release(path, said.size)
        words = Path(said.tokenizer) if said.tokenizer else path.parent / TOKENIZER
        return _Source(model, model.config, read_tokenizer(words, model.config.vocab_size), ())
    assert said.shape is not None, "a recipe has one of three starts"
    if said.tokenizer is None:
        tokenizer = word_tokenizer(words_of(_texts(data)))
    else:
        tokenizer = read_tokenizer(Path(said.tokenizer), 2**31)
    return _Source(None, _own_shape(file, said.shape, tokenizer.get_vocab_size()), tokenizer, ())


def _from_checkpoint(folder: Path, new_words: bool, data: Mapping[TaskName, TaskData]) -> _Source:
    """Read a checkpoint; the words of the data that it lacks get ids behind its own, if asked for.

    Raises:
        RecipeError: its tokenizer has no words.
    """
    found = load(folder)
    tokenizer, config = found.tokenizer, found.model.config
    if new_words:
        if not isinstance(tokenizer.model, WordLevel):
            fix = "take it out: this tokenizer spells any word in pieces"
            raise RecipeError("model.new_words is for tokenizers with one id a word", fix)
        tokenizer = _with_words(tokenizer, words_of(_texts(data)))
        config = dataclasses.replace(config, vocab_size=tokenizer.get_vocab_size())
    return _Source(found.model, config, tokenizer, found.labels)


def _with_words(tokenizer: Tokenizer, words: list[str]) -> Tokenizer:
    known = tokenizer.get_vocab()
    added = [word for word in words if word not in known]
    vocabulary = known | {word: len(known) + at for at, word in enumerate(added)}
    made = Tokenizer.from_str(tokenizer.to_str())
    made.model = WordLevel(vocabulary, unk_token="<unk>")
    return made


def _texts(data: Mapping[TaskName, TaskData]) -> list[str]:
    """Return the texts that the model reads or writes, of all tasks."""
    return [
        text
        for task, each in data.items()
        for example in each.tuned.examples
        for text in (example.answers if TASKS[task].writes else (example.text or "",))
    ]


def _labels(file: SetsFile, data: Mapping[TaskName, TaskData], source: _Source) -> tuple[str, ...]:
    """Return the answers of the model: the recipe's, the checkpoint's, or the data's.

    An adapter whose tasks have none leaves those of its base.
    """
    for task, each in data.items():
        if TASKS[task].lists_answers:
            own = each.said.labels is None and source.labels
            return source.labels if own else answers_of(each)
    return source.labels if isinstance(file.method, Adapt) else ()


def _own_shape(file: SetsFile, shape: Shape, vocabulary: int) -> ModelConfig:
    keys = file.method.keys if isinstance(file.method, Otmv) else None
    return ModelConfig(
        name=file.name,
        image_size=shape.image_size,
        patch_size=shape.patch_size,
        width=shape.width,
        heads=shape.heads,
        ffn_width=4 * shape.width,
        vocab_size=vocabulary,
        max_text_positions=shape.text_positions,
        key_of_order=spread_keys(shape.orders, keys or shape.orders),
        merged_feed_forward=keys is not None,
        readout="last",
        skip_probability=0.0,
        num_answers=1,
        tasks=tuple(file.tasks),
    )


def _shape_of(file: SetsFile, source: _Source, labels: tuple[str, ...]) -> ModelConfig:
    """Return the recipe's shape; an adapter leaves its base's, but for the answers of a head.

    Raises:
        ValueError: the base cannot be adapted so.
    """
    if not isinstance(file.method, Adapt):
        return _config(file, source, labels)
    if lacking := [task for task in file.tasks if task not in source.config.tasks]:
        raise ValueError(f"the base has no task {lacking[0]}: tune one that it has")
    if labels != source.labels and not file.method.heads:
        raise ValueError("the data has other answers than the base: set method.heads")
    return dataclasses.replace(source.config, num_answers=len(labels))


def _config(file: SetsFile, source: _Source, labels: tuple[str, ...]) -> ModelConfig:
    """Return the source's config with the recipe's tasks, answers and picture sizes."""
    old, tasks = source.config, tuple(file.tasks)
    sizes = {task: each.image_size or old.image_size for task, each in file.tasks.items()}
    own = sizes[tasks[0]]
    per_task: dict[TaskName, TaskConfig] = {}
    for task in tasks:
        norm = old.of_task(task).final_norm if task in old.tasks else None
        made = TaskConfig(None if sizes[task] == own else sizes[task], norm)
        if made != TaskConfig():
            per_task[task] = made
    return dataclasses.replace(
        old,
        name=file.name,
        image_size=own,
        num_answers=len(labels),
        tasks=tasks,
        per_task=per_task,
    )
