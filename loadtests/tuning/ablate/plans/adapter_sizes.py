"""The methods with few parameters that are compared, and their sizes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sized:
    """A method at a size.

    Attributes:
        form: its name among the forms.
        settings: of it.
        rate: peak of the learning rate: ours, by the kind of method, not searched.
        sizes: of the setting `size`, for those that are swept; the middle one is the usual.
        size: what is swept.
    """

    form: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1e-3
    size: str = ""
    sizes: tuple[int, ...] = ()

    def at(self, size: int) -> dict[str, Any]:
        """Return the settings at one of the sizes."""
        return {**self.settings, self.size: size}

    @property
    def usual(self) -> dict[str, Any]:
        """The settings at the usual size."""
        return self.at(self.sizes[1]) if self.sizes else dict(self.settings)


METHODS = (
    Sized("prompt", {"rows": 16}, 1e-2),
    Sized("prefix", {"rows": 16, "inner": 64}, 3e-3),
    Sized("lora", {}, 2e-3, "rank", (2, 8, 32)),
    Sized("serial", {}, 1e-3, "width", (8, 32, 128)),
    Sized("pet_adapter", {"width": 32}),
    Sized("parallel", {"width": 32}),
    Sized("scaled_parallel", {"width": 32}),
    Sized("mam", {"rows": 8, "inner": 64, "width": 32}),
    Sized("vl_adapter"),
    Sized("vl_pet", {"width": 24, "gate_width": 24}),
    Sized("bitfit", {}, 3e-3),
    Sized("adalink", {}, 3e-3, "rank", (4, 16, 64)),
)
SWEPT = tuple(each for each in METHODS if each.sizes)
