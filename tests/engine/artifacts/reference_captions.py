"""What a beam search must find, with lists and recursion; and the tiny model's own texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from artifact.pattern import SkipPattern
from tests.engine.artifacts.tiny_model import WIDTH, Array, TinyModel, picture

NextLogits = Callable[[tuple[int, ...]], Array]
"""Words so far to the logits [V] of the next one."""

BOS, EOS, MASK = 1, 2, 4


def log_softmax(logits: Array) -> list[float]:
    exact = np.asarray(logits, np.float64)
    top = exact.max()
    return list(exact - top - np.log(np.exp(exact - top).sum()))


def score(total: float, words: Sequence[int]) -> float:
    """Length counts [BOS] and [EOS]; the penalty is 0.6."""
    return total / float((len(words) + 2) ** 0.6)


def best_of_all(model: NextLogits, eos: int, limit: int) -> tuple[list[int], float]:
    """Return the best text of all there are, by trying every one."""
    found: list[tuple[float, list[int]]] = []

    def grow(words: list[int], total: float) -> None:
        if len(words) == limit:
            found.append((score(total, words), words))
            return
        for word, gain in enumerate(log_softmax(model(tuple(words)))):
            if word == eos:
                found.append((score(total + gain, words), words))
            elif gain > -np.inf:
                grow([*words, word], total + gain)

    grow([], 0.0)
    best = max(found, key=lambda pair: pair[0])
    return best[1], best[0]


def greedy(model: NextLogits, eos: int, limit: int) -> list[int]:
    words: list[int] = []
    while len(words) < limit and (word := int(np.argmax(model(tuple(words))))) != eos:
        words.append(word)
    return words


def beam_search(model: NextLogits, width: int, eos: int, limit: int) -> list[int]:
    """Each beam by itself; of 2 · width candidates, the ones before `width` go on are looked at."""
    going: list[tuple[float, list[int]]] = [(0.0, [])]
    best: tuple[float, list[int]] | None = None
    while going:
        candidates = [
            (total + gain, [*words, word])
            for total, words in going
            for word, gain in enumerate(log_softmax(model(tuple(words))))
        ]
        candidates.sort(key=lambda pair: -pair[0])  # stable: ties keep beam, then word
        going = []
        for total, words in candidates[: 2 * width]:
            if len(going) == width or total == -np.inf:
                break
            if words[-1] != eos:
                going.append((total, words))
            elif best is None or score(total, words[:-1]) > best[0]:
                best = score(total, words[:-1]), words[:-1]
        if width == 1 and best is not None:
            break  # greedy: [EOS] was the likeliest word
        for total, words in going if going and len(going[0][1]) == limit else ():
            if best is None or score(total, words) > best[0]:
                best = score(total, words), words
        if going and len(going[0][1]) == limit:
            break
        most = max((total for total, _ in going), default=-np.inf)
        if best is not None and best[0] >= most / (limit + 2) ** 0.6:
            break
    assert best is not None
    return best[1]


class AloneCaptioner:
    """The tiny model's next words for one picture, from nothing each time: no pool, no cache."""

    def __init__(self, model: TinyModel, pattern: SkipPattern, pixels: Array) -> None:
        self._model, self._config = model, model.config
        self._orders = pattern.executed
        self._image: dict[int, tuple[Array, Array]] = {}
        h = model.run("stem[caption]", {"pixels": pixels[None]})["h"]
        for k in self._orders:
            out = model.run(self._stage("block_image", k), {"h": h, "order": self._order(k)})
            h, self._image[k] = out["h_out"], (out["k"], out["v"])

    def _stage(self, kind: str, order: int) -> str:
        return f"{kind}[{self._config.key_of_order[order]}]"

    def _order(self, order: int) -> Array:
        return np.array([self._config.order_in_key(order)])

    def __call__(self, words: tuple[int, ...]) -> Array:
        cache = dict(self._image)
        y = np.zeros((1, 1, WIDTH), np.float32)
        for position, last in enumerate((BOS, *words)):
            given = {"tokens": np.array([[last, MASK]]), "position": np.array([position])}
            h = self._model.run("stem[decode]", given)["h"]
            y = np.zeros((1, 1, WIDTH), np.float32)
            for k in self._orders:
                kk, vv = cache[k]
                inputs = {"h": h, "order": self._order(k), "k": kk, "v": vv}
                inputs["mask"] = np.ones((1, kk.shape[2]), bool)
                out = self._model.run(self._stage("block_decode", k), inputs)
                h, y = out["h_out"], y + out["r"]
                cache[k] = (
                    np.concatenate([kk, out["k_new"]], axis=2),
                    np.concatenate([vv, out["v_new"]], axis=2),
                )
        found: Array = self._model.run("head[caption]", {"y": y})["logits"][0]
        return found

    def text(self, width: int, limit: int) -> list[int]:
        """Return the words of a caption; `width` beams."""
        return beam_search(self, width, EOS, limit)


def words_alone(
    model: TinyModel, pattern: SkipPattern, seed: int, beams: int, limit: int
) -> list[int]:
    """Return the words of a numbered picture's caption; found once, for they take a while."""
    key = (model.seed, pattern.executed, seed, beams, limit)
    if key not in _WORDS:
        _WORDS[key] = AloneCaptioner(model, pattern, picture(seed)).text(beams, limit)
    return _WORDS[key]


_WORDS: dict[tuple[object, ...], list[int]] = {}
