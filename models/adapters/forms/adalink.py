"""AdaLink: a low-rank change of embeddings, between stem and first block (arXiv 2310.12100)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from artifact.adapters.hooks import MODALITIES, Activation, Modality, Site, TableSize
from artifact.config import ModelConfig
from models.adapters.form import Form, kaiming, positive, sites_at


@dataclass(frozen=True)
class AdaLink(Form):
    """E + f(E down) up, eq. 1-2; f is left out, as the paper does. `up` begins as zero.

    One pair per modality, or with `unified` one for both; one task or several. PaLI-X: r 64; FLAN:
    r 4; T5: r 256.

    Attributes:
        rank: r.
        modalities: whose embeddings change.
        activation: f.
        dropout: share of the embeddings that the pair does not see while tuning; the paper's 0.1.
    """

    kind: ClassVar[str] = "adalink"
    rank: int = 64
    modalities: tuple[Modality, ...] = MODALITIES
    activation: Activation = "none"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "modalities", tuple(self.modalities))
        positive(rank=self.rank)
        if not self.modalities or not set(self.modalities) <= set(MODALITIES):
            raise ValueError(f"modalities are some of {', '.join(MODALITIES)}")

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return one site a modality."""
        hooks = tuple(f"stem.{modality}" for modality in self.modalities)
        return sites_at(hooks, ("down", "up"), TableSize(self.rank), self.activation)

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Fill `down` as `nn.Linear`; `up` is zero."""
        if part == "down":
            kaiming(table)

    def dropout_at(self, site: Site) -> float:
        """Return the same at both modalities."""
        del site
        return self.dropout
