"""MAM: a prefix, and a scaled parallel adapter beside the feed-forward (He et al., 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from artifact.adapters.hooks import Site
from artifact.config import ModelConfig
from models.adapters.form import Form
from models.adapters.forms.parallel import ScaledParallel
from models.adapters.forms.prefix import Prefix
from models.adapters.tunable import AdapterModule, Together

if TYPE_CHECKING:
    from models.stack import Stack


@dataclass(frozen=True)
class Mam(Form):
    """XSum: p 30, b 512, s 4; GLUE: p 16, b 16, s 2; m 800.

    Attributes:
        rows: p of the prefix.
        inner: m of the prefix' MLP; 0: none.
        width: b of the parallel adapter.
        scale: s of the parallel adapter.
    """

    kind: ClassVar[str] = "mam"
    rows: int = 30
    inner: int = 800
    width: int = 512
    scale: float = 4.0

    def _forms(self) -> tuple[Prefix, ScaledParallel]:
        prefix = Prefix(self.unified, self.share, self.rows, self.inner)
        return prefix, ScaledParallel(self.unified, self.share, self.width, self.scale)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._forms()

    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return the sites of both."""
        return tuple(site for form in self._forms() for site in form.sites(config))

    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Fill a table as the form that it belongs to."""
        prefix, beside = self._forms()
        (prefix if part in ("key", "value") else beside).initialise(site, part, table)

    def module(self, model: Stack) -> AdapterModule:
        """Return both; see `Form`."""
        return Together([form.module(model) for form in self._forms()])
