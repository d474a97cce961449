"""Prompt tuning: rows beside the embedded text (Lester et al., 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor

from artifact.adapters.hooks import Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, positive, sites_at
from models.adapters.tunable import AdapterModule, TableModule

if TYPE_CHECKING:
    from models.stack import Stack


@dataclass(frozen=True)
class Prompt(Form):
    """Rows of width D that every token sees. In a model with branches they are the text's.

    They stand behind the text, so that what heads read stays where it is. The PEFT study: 2 to 128.

    Attributes:
        rows: p.
        begin: what rows begin as: `uniform` in ±0.5, or `words`, drawn from the table of words.
    """

    kind: ClassVar[str] = "prompt"
    rows: int = 64
    begin: Literal["uniform", "words"] = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(rows=self.rows)
        if self.begin not in ("uniform", "words"):
            raise ValueError(f"begin is uniform or words, not {self.begin!r}")

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return the one place of a prompt."""
        return sites_at(("stem.prompt",), ("rows",), TableSize(self.rows))

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Draw rows from ±0.5."""
        table.uniform_(-0.5, 0.5)

    def module(self, model: Stack) -> AdapterModule:
        """Return the rows; see `Form`."""
        made = TableModule(self, model.config)
        if self.begin == "words":
            words = model.stem.words.weight
            drawn = torch.randint(len(words), (self.rows,), device="cpu")
            with torch.no_grad():
                (rows,) = made.tuned.values()
                rows.copy_(words[drawn.to(words.device)])
        return made
