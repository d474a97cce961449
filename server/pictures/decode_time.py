"""How long decoding takes, learned, and how long a picture waits for its turn."""

from __future__ import annotations

from pictures.picture import PictureHeader

_FIXED_S = 0.0005
_FIRST_GUESS_S_PER_MEGAPIXEL = 0.03
_LEARNING_RATE = 0.2


class DecodeTime:
    """Predicts decode + preprocess seconds from a header's pixel count, learning as it goes.

    A fixed cost plus seconds per megapixel; one rate per format, since formats differ several
    times. A tiny picture says little about the rate, so it moves it little.
    """

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}
        self._first: dict[str, float] = {}

    def predict_s(self, header: PictureHeader, *, rested: bool = False) -> float:
        """Return the predicted seconds for one picture.

        `rested`: nothing was decoded lately, so a rate learned under load counts no more than the
        first one, which was measured before any.
        """
        rate = self._rates.get(header.format, _FIRST_GUESS_S_PER_MEGAPIXEL)
        if rested:
            rate = min(rate, self._first.get(header.format, rate))
        return _FIXED_S + rate * header.megapixels

    def learn(self, header: PictureHeader, took_s: float) -> None:
        """Take in one measurement; a format's first one counts in full."""
        observed = max(0.0, took_s - _FIXED_S) / header.megapixels
        self._first.setdefault(header.format, observed)
        rate = self._rates.get(header.format, observed)
        weight = _LEARNING_RATE * header.megapixels**2 / (header.megapixels**2 + 0.01)
        self._rates[header.format] = rate + weight * (observed - rate)


class DecodeBacklog:
    """The predicted seconds of work before a new picture, apart for small and large ones."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._work_s = {False: 0.0, True: 0.0}

    def wait_s(self, large: bool) -> float:
        """Return how long a picture waits; large ones leave one worker to small ones."""
        small_s = self._work_s[False] / self._workers
        large_s = self._work_s[True] / max(1, self._workers - 1)
        return small_s + large_s if large or self._workers == 1 else small_s

    def add(self, large: bool, seconds: float) -> None:
        """Count a picture in."""
        self._work_s[large] += seconds

    def take(self, large: bool, seconds: float) -> None:
        """Count a picture out."""
        self._work_s[large] = max(0.0, self._work_s[large] - seconds)
