"""Checkpoints of OTMV models: a folder of config, safetensors weights, tokenizer and labels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from artifact.config import ModelConfig
from artifact.errors import ArtifactError, InvalidManifest, MissingFile
from models.captions import SpecialTokens
from models.series import OtmvModel

if TYPE_CHECKING:
    from artifact.manifest import DomainRecord

CONFIG, WEIGHTS, TOKENIZER, LABELS = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "labels.json",
)

ARTIFACT_HASH = "SHA-256 of its manifest"
"""Note of a checkpoint that is the one inside an artifact: which artifact."""


@dataclass(frozen=True)
class Checkpoint:
    """A model with the words it reads and the answers it gives.

    Attributes:
        model: in eval mode, fp32, on the CPU.
        tokenizer: holds `<s>`, `<pad>`, `</s>`, `<unk>`, `<mask>`.
        labels: VQA answers, in the order of the logits.
        sha256: of the weights file; None if the model was never saved.
        note: free facts for the model card (what was tuned, for how long).
        domain: what it was tuned on; None: it was not, or an older release wrote the checkpoint.
    """

    model: OtmvModel
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    sha256: str | None
    note: dict[str, str | int | float]
    domain: DomainRecord | None = None

    @property
    def special(self) -> SpecialTokens:
        """Ids of BOS, EOS and MASK."""
        bos, eos, mask = (token_id(self.tokenizer, name) for name in ("<s>", "</s>", "<mask>"))
        return SpecialTokens(bos, eos, mask)


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """Return a special token's id.

    Raises:
        ValueError: the tokenizer does not know it.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"the tokenizer has no token {token}")
    return int(found)


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into `folder`, each file to a temporary name first.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    domain = None if checkpoint.domain is None else checkpoint.domain.model_dump()
    config = {
        "model": checkpoint.model.config.to_fields(),
        "note": checkpoint.note,
        "domain": domain,
    }
    _replace(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    _replace(folder / LABELS, json.dumps(list(checkpoint.labels), indent=1) + "\n")
    _replace(folder / TOKENIZER, checkpoint.tokenizer.to_str(pretty=True) + "\n")
    state = {
        name: t.detach().float().cpu().contiguous()
        for name, t in checkpoint.model.state_dict().items()
    }
    temporary = folder / f"{WEIGHTS}.tmp-save"
    try:
        save_file(state, temporary)
        temporary.replace(folder / WEIGHTS)
    except SafetensorError as error:  # what the library makes of a full disk
        raise OSError(f"cannot write {folder / WEIGHTS}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        MissingFile: a file is not there.
        InvalidManifest: the config or the weights do not fit.
    """
    for name in (CONFIG, WEIGHTS, TOKENIZER, LABELS):
        if not (folder / name).is_file():
            raise MissingFile(
                folder / name,
                "no such file in the checkpoint",
                "make one with `otmv tune` or `otmv import`",
            )
    try:
        stored = json.loads((folder / CONFIG).read_text())
        model = OtmvModel(ModelConfig.from_fields(stored["model"]))
        model.load_state_dict(load_file(folder / WEIGHTS))
        labels = tuple(json.loads((folder / LABELS).read_text()))
        if len(labels) != model.config.num_answers:
            raise ValueError(f"{len(labels)} labels for {model.config.num_answers} answers")
        tokenizer = _tokenizer(folder / TOKENIZER)
        domain = stored.get("domain")
        known = None if domain is None else _domain(domain)
    except ArtifactError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidManifest(folder, reason, "tune again, or name another folder") from error
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    return Checkpoint(model.eval(), tokenizer, labels, digest, stored.get("note", {}), known)


def _domain(stored: object) -> DomainRecord:
    """Read what a model knows; only here, so that a model can be built without pydantic."""
    from artifact.manifest import DomainRecord

    return DomainRecord.model_validate(stored)


def _tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer that knows the special tokens."""
    try:
        tokenizer = Tokenizer.from_str(path.read_text())
    except Exception as error:  # the library raises bare Exception
        raise ValueError(f"{path.name} is no tokenizer") from error
    for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>"):
        token_id(tokenizer, token)
    return tokenizer


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.tmp-save")
    try:
        temporary.write_text(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
