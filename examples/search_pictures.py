"""Index a folder of pictures, and find those that fit a text. It needs httpx and numpy.

python examples/search_pictures.py index photos/ photos.npz
python examples/search_pictures.py search photos.npz "a small red circle and a large blue square"

Vectors of two variants, precisions or artifacts cannot be compared. The index knows which its own
are of, asks for the same when it is searched, and refuses any other.
"""

from __future__ import annotations

import argparse
import base64
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
URL = "http://127.0.0.1:8000"


class SearchError(Exception):
    """What went wrong, in one line with the fix."""


@dataclass(frozen=True)
class Vector:
    """A vector of length 1, and the space that it may be compared in."""

    values: NDArray[np.float32]
    space: str
    variant: str


class Embedder:
    """Asks a server for vectors; all of one variant."""

    def __init__(self, http: httpx.Client, variant: str | None = None) -> None:
        self._http = http
        self._variant = variant

    def picture(self, path: Path) -> Vector:
        """Return a picture's vector; without a variant, the first one's is kept to."""
        return self._embed({"image": base64.b64encode(path.read_bytes()).decode()})

    def text(self, text: str) -> Vector:
        """Return a text's vector."""
        return self._embed({"text": text})

    def _embed(self, asked: dict[str, Any]) -> Vector:
        budget = {} if self._variant is None else {"variant": self._variant}
        body = {**asked, "encoding_format": "base64", "budget": budget}
        response = self._http.post("/v1/embed", json=body)
        found = response.json()
        if not response.is_success:
            raise SearchError(f"the server refused: {found.get('detail', response.text[:200])}")
        (answer,) = found["answers"]
        self._variant = answer["variant"]
        values = np.frombuffer(base64.b64decode(answer["embedding"]), "<f4")
        return Vector(values, answer["vector_space"], answer["variant"])


@dataclass(frozen=True)
class Index:
    """Pictures and their vectors, all of one space.

    Attributes:
        names: of the pictures.
        vectors: fp32 `[pictures, D]`.
        space: artifact, variant and precision.
        variant: to ask for when it is searched.
    """

    names: tuple[str, ...]
    vectors: NDArray[np.float32]
    space: str
    variant: str

    @classmethod
    def of(cls, named: Sequence[tuple[str, Vector]]) -> Index:
        """Put vectors together.

        Raises:
            SearchError: there are none, or they are of several spaces.
        """
        if not named:
            raise SearchError("no picture was found: give a folder that has some")
        first = named[0][1]
        for _, vector in named:
            _check_same(first.space, vector.space)
        vectors = np.stack([vector.values for _, vector in named])
        return cls(tuple(name for name, _ in named), vectors, first.space, first.variant)

    def save(self, path: Path) -> None:
        """Write it; a file of that name is replaced at the end."""
        building = path.with_name(f"{path.name}.tmp.npz")
        np.savez(
            building,
            names=np.array(self.names),
            vectors=self.vectors,
            space=np.array(self.space),
            variant=np.array(self.variant),
        )
        building.replace(path)

    @classmethod
    def load(cls, path: Path) -> Index:
        """Read it.

        Raises:
            SearchError: it is no index.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                names = tuple(map(str, stored["names"]))
                return cls(names, stored["vectors"], str(stored["space"]), str(stored["variant"]))
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise SearchError(f"{path} is no index: make it with `index`") from error

    def search(self, query: Vector, best: int) -> list[tuple[str, float]]:
        """Return the pictures that fit best, with their cosines.

        Raises:
            SearchError: the query is of another space.
        """
        _check_same(self.space, query.space)
        cosines = self.vectors @ query.values
        return [(self.names[at], float(cosines[at])) for at in np.argsort(-cosines)[:best]]


def _check_same(known: str, other: str) -> None:
    if known != other:
        raise SearchError(
            f"vectors of {known} and of {other} do not mix: index again with what is served now"
        )


def pictures_in(folder: Path) -> list[Path]:
    """Return the picture files of a folder and those inside it, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def embedded(embedder: Embedder, folder: Path) -> Iterator[tuple[str, Vector]]:
    """Yield each picture's name and vector; one that the server cannot read is named, not fatal."""
    for path in pictures_in(folder):
        try:
            yield str(path.relative_to(folder)), embedder.picture(path)
        except SearchError as error:
            print(f"left out {path}: {error}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default=URL, help=f"of the server; {URL} if it is left out")
    commands = parser.add_subparsers(dest="command", required=True)
    index = commands.add_parser("index", help="make an index of a folder")
    index.add_argument("folder", type=Path)
    index.add_argument("out", type=Path)
    index.add_argument("--variant", help="whose vectors; the best the server has if left out")
    search = commands.add_parser("search", help="find pictures by a text")
    search.add_argument("index", type=Path)
    search.add_argument("text")
    search.add_argument("--best", type=int, default=5, help="how many; 5 if it is left out")
    return parser.parse_args()


def main(given: argparse.Namespace) -> None:
    """Index, or search."""
    with httpx.Client(base_url=given.url, timeout=60) as http:
        if given.command == "index":
            made = Index.of(list(embedded(Embedder(http, given.variant), given.folder)))
            made.save(given.out)
            print(f"{len(made.names)} pictures in {given.out}, vectors of {made.space}")
            return
        index = Index.load(given.index)
        for name, cosine in index.search(
            Embedder(http, index.variant).text(given.text), given.best
        ):
            print(f"{cosine:7.4f}  {name}")


if __name__ == "__main__":
    try:
        main(arguments())
    except (SearchError, OSError, httpx.TransportError) as problem:
        sys.exit(f"search_pictures: {problem}")
