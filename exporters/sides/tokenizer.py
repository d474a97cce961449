"""The tokenizer of an artifact, as the engine reads it and as `transformers` loads it."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from artifact.manifest.records import TextRecord

TOKENIZER_NAME = "tokenizer.json"
CONFIG_NAME = "tokenizer_config.json"


def write_tokenizer(folder: Path, tokenizer: Tokenizer, text: TextRecord) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`.

    `AutoTokenizer.from_pretrained(folder)` then gives the ids that the server uses for a question:
    [BOS] ids [EOS], a special token that is written in it as words. The engine adds both ends
    itself, so it reads old artifacts, which do not say so, alike.
    """
    whole = Tokenizer.from_str(tokenizer.to_str())
    bos, eos, pad, unk, mask = (
        whole.id_to_token(token) for token in (text.bos, text.eos, text.pad, text.unk, text.mask)
    )
    whole.post_processor = TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, text.bos), (eos, text.eos)]
    )
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "pad_token": pad,
        "unk_token": unk,
        "mask_token": mask,
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
        "model_max_length": text.max_question_tokens,
    }
    (folder / TOKENIZER_NAME).write_text(whole.to_str(pretty=True) + "\n", "utf-8")
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
