"""What is tuned of an adapter: tables as parameters, which a model looks up while it is tuned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from artifact.adapters.hooks import MODALITIES, Site
from artifact.config import ModelConfig
from models.adapters.tables import ACTIVATIONS, Tables
from models.norms import Order

if TYPE_CHECKING:
    from models.adapters.form import Form

VECTORS = ("down_shift", "shift", "gate_down_shift", "gate_shift", "scale")
"""Parts of a table that have no axis of inputs."""


class AdapterModule(nn.Module, ABC):
    """What is tuned of an adapter; a `Lookup` for the model that it is attached to."""

    @abstractmethod
    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        """Return the tables at a hook; see `Lookup`."""

    @abstractmethod
    def sites(self) -> tuple[Site, ...]:
        """Return where its tables are."""

    @abstractmethod
    def selected(self, site: Site, part: str, order: Order | None) -> Tensor:
        """Return one table: of one order, of each row's `[batch, …]`, or with None of all."""

    @abstractmethod
    def tuned_parameters(self) -> int:
        """Return how many numbers are tuned."""

    def tables(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the name and the numbers of every table, as they are served."""
        for site in self.sites():
            for part in site.parts:
                yield site.name(part), self.selected(site, part, None)


class TableModule(AdapterModule):
    """Tables that are tuned as they are, but for factors.

    Args:
        form: the method.
        config: shape of the base.
    """

    def __init__(self, form: Form, config: ModelConfig) -> None:
        super().__init__()
        self.form, self.config = form, config
        self._sites = {(site.hook, site.modality): site for site in form.sites(config)}
        self.tuned = nn.ParameterDict()
        for site in self._sites.values():
            for part in site.parts:
                self._add(site, part)

    def _add(self, site: Site, part: str) -> None:
        factor = self.form.factor(site, part, self.config)
        if factor is not None:
            if site.at.in_blocks:
                factor = factor.expand(self.config.orders, *factor.shape[1:]).contiguous()
            self.register_buffer(_flat(site.name(part)), factor, persistent=False)
        stored = self._stored(site, part)
        if stored not in self.tuned:
            shape = site.shape(part, self.config)
            if self._by_key(site):
                shape = (self.config.keys, *shape[1:])
            table = torch.zeros(shape)
            with torch.no_grad():
                for each in table if site.at.in_blocks else (table,):
                    self.form.initialise(site, part, each)
            self.tuned[stored] = nn.Parameter(table)

    def _by_key(self, site: Site) -> bool:
        return site.at.in_blocks and self.form.share == "key"

    def _stored(self, site: Site, part: str) -> str:
        name = site.name(part)
        if self.form.unified and site.modality is not None:
            name = f"{site.shared_name}.{part}"
        return _flat(name)

    def sites(self) -> tuple[Site, ...]:
        """Return where its tables are; see `AdapterModule`."""
        return tuple(self._sites.values())

    def selected(self, site: Site, part: str, order: Order | None) -> Tensor:
        """Return one table; see `AdapterModule`."""
        table: Tensor = self.tuned[self._stored(site, part)]
        factor = getattr(self, _flat(site.name(part)), None)
        if site.at.in_blocks:
            if self._by_key(site):
                table = table[self._key_of(order, table.device)]
            elif order is not None:
                table = table[order]
            if factor is not None and order is not None:
                factor = factor[order]
        return table if factor is None else table * factor

    def _key_of(self, order: Order | None, device: torch.device) -> Order:
        """Return the key of one order, of each row's, or of all."""
        if isinstance(order, int):
            return self.config.key_of_order[order]
        keys = torch.tensor(self.config.key_of_order, device=device)
        return keys if order is None else keys[order]

    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        """Return the tables at a hook; see `Lookup`."""
        site = self._sites.get((hook, None if modality is None else MODALITIES[modality]))
        return None if site is None else self.tables_of(site, order)

    def tables_of(self, site: Site, order: Order | None) -> Tables:
        """Return the tables of a site, of one order or of each row's."""
        dropout = self.form.dropout_at(site) if self.training else 0.0
        return looked_up(site, order, lambda part: self.selected(site, part, order), dropout)

    def tuned_parameters(self) -> int:
        """Return how many numbers are tuned; see `AdapterModule`."""
        counted: dict[str, int] = {}
        for site in self._sites.values():
            for part in site.parts:
                stored = self._stored(site, part)
                table = self.tuned[stored]
                factor = getattr(self, _flat(site.name(part)), None)
                whole = torch.ones_like(table)
                if factor is not None:
                    firsts = [self.config.orders_of_key(key)[0] for key in range(self.config.keys)]
                    whole = whole * (factor[firsts] if self._by_key(site) else factor)
                counted[stored] = int(whole.count_nonzero())
        return sum(counted.values())


class Together(AdapterModule):
    """Several methods at once, at hooks that differ.

    Args:
        modules: one for each.

    Raises:
        ValueError: two have tables at one hook.
    """

    def __init__(self, modules: Sequence[AdapterModule]) -> None:
        super().__init__()
        self.each = nn.ModuleList(modules)
        places = [(site.hook, site.modality) for site in self.sites()]
        if len(set(places)) < len(places):
            raise ValueError("two methods have tables at one hook")

    def _modules_of(self) -> Iterator[AdapterModule]:
        for each in self.each:
            assert isinstance(each, AdapterModule)
            yield each

    def at(self, hook: str, modality: int | None, order: Order | None) -> Tables | None:
        """Return the tables at a hook; see `Lookup`."""
        for each in self._modules_of():
            if (found := each.at(hook, modality, order)) is not None:
                return found
        return None

    def sites(self) -> tuple[Site, ...]:
        """Return where their tables are; see `AdapterModule`."""
        return tuple(site for each in self._modules_of() for site in each.sites())

    def selected(self, site: Site, part: str, order: Order | None) -> Tensor:
        """Return one table; see `AdapterModule`."""
        owner = next(each for each in self._modules_of() if site in each.sites())
        return owner.selected(site, part, order)

    def tuned_parameters(self) -> int:
        """Return how many numbers are tuned; see `AdapterModule`."""
        return sum(each.tuned_parameters() for each in self._modules_of())


def looked_up(
    site: Site,
    order: Order | None,
    select: Callable[[str], Tensor],
    dropout: float = 0.0,
) -> Tables:
    """Return a site's tables; what is a vector of each row gets an axis of tokens."""
    rows = isinstance(order, Tensor) and site.at.in_blocks
    parts = {
        part: select(part).unsqueeze(1) if rows and part in VECTORS else select(part)
        for part in site.parts
    }
    return Tables(parts, ACTIVATIONS[site.activation], site.carry, dropout)


def _flat(name: str) -> str:
    return name.replace(".", "_")
