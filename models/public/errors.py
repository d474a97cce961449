"""Why a public checkpoint cannot become the model asked for."""

from __future__ import annotations

from pathlib import Path

from artifact.errors import ArtifactError


class PublicWeightsError(ArtifactError):
    """A public checkpoint cannot become the model asked for; `str()` is one line."""


class UnreadableWeights(PublicWeightsError):
    """The file is missing, of another kind, or holds more than tensors."""


class MissingWeights(PublicWeightsError):
    """The checkpoint lacks tensors that the config needs; `names` lists them."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.names = names
        fix = "choose the checkpoint's own size and tasks in the config"
        super().__init__(path, f"missing {_some(names)}", fix)


class UnexpectedWeights(PublicWeightsError):
    """The checkpoint holds tensors that the config has no place for; `names` lists them."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.names = names
        fix = "choose the checkpoint's own size and tasks in the config"
        super().__init__(path, f"unexpected {_some(names)}", fix)


class ShapeMismatch(PublicWeightsError):
    """A tensor has another shape than the config's; `name`, `found` and `wanted` say which."""

    def __init__(
        self, path: Path, name: str, found: tuple[int, ...], wanted: tuple[int, ...]
    ) -> None:
        self.name, self.found, self.wanted = name, found, wanted
        fix = "choose the checkpoint's own image size, widths, words and answers in the config"
        super().__init__(path, f"{name} is {list(found)}, the config wants {list(wanted)}", fix)


class NotFinite(PublicWeightsError):
    """Tensors hold numbers that are infinite, or none; `names` lists them."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(path, f"not finite: {_some(names)}", "download it again")


class UnreadableText(PublicWeightsError):
    """The tokenizer or the answers that go with a checkpoint cannot be read."""


class WrongRelease(PublicWeightsError):
    """The checkpoint is of another size or task than was said; `fix` has what to say instead."""


def _some(names: tuple[str, ...]) -> str:
    """Name the first three and count the rest."""
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
