"""From JPEG bytes to answers: how many a second, and what limits them."""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from artifact.preprocess import to_pixels
from artifact.task import VQA
from loadtests.gpu.device.device import DeviceMoment, Replay
from loadtests.gpu.device.timing import Call, Quartiles, rounds
from loadtests.gpu.models.methods import draw, made, whole
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.rig import Rig
from loadtests.gpu.suite.sizes import SizedWork

RING = 4
"""Batches under way: being decoded, being copied, being answered."""

_PICTURES = 64
_MOST_BATCHES = 400


def run(rig: Rig) -> None:
    """Measure each stage alone, then all of them as a pipeline, on OTMV's variant.

    Finds `alone` (pictures a second: decode on all cores, upload, model), `pictures_s` of the
    pipeline, `shares` (how busy decode threads, uploads and the model were) and `limit`.
    """
    work = rig.size.of(VQA.name)
    files = pictures(rig.size.picture_px, _PICTURES, rig.seed)
    with rig.attending():
        line = Pipeline(rig, work)
    with ThreadPoolExecutor(line.threads) as pool:
        line.warm(pool, files)
        rig.note("threads", line.threads)
        alone = line.alone(pool, files, rig.deadline.part(0.4))
        rig.note("alone", {name: round(rate, 2) for name, rate in alone.items()})
        found = line.flow(pool, files, rig.deadline.part(0.8))
    rig.note("pictures_s", round(found.pictures_s, 2))
    rig.note("pictures", found.pictures)
    rig.note("shares", {name: round(share, 4) for name, share in found.shares.items()})
    rig.note("limit", max(found.shares, key=found.shares.__getitem__))


def pictures(size_px: tuple[int, int], count: int, seed: int) -> list[bytes]:
    """Draw JPEGs of smooth random colours with some grain: of a photograph's size in bytes."""
    chance = np.random.default_rng(seed)
    files = []
    for _ in range(count):
        coarse = Image.fromarray(chance.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(size_px, Image.Resampling.BICUBIC), dtype=np.int16)
        grain = chance.normal(0, 6, smooth.shape).astype(np.int16)
        picture = Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=90)
        files.append(stream.getvalue())
    return files


def decode(data: bytes, out: NDArray[np.uint8]) -> float:
    """Decode a picture into a row of pinned memory; return the processor's seconds it took."""
    begun_s = time.thread_time()
    with Image.open(io.BytesIO(data)) as picture:
        np.copyto(out, to_pixels(picture.convert("RGB"), out.shape[0]))
    return time.thread_time() - begun_s


@dataclass(frozen=True)
class Flow:
    """What came out of the pipeline; `shares`: how busy each stage was, of the time it took."""

    pictures: int
    pictures_s: float
    shares: dict[str, float]


@dataclass
class Lane:
    """One batch of the ring: where it is decoded to, copied to, and answered from."""

    host: Tensor
    device: Tensor
    answers: Tensor
    decoding: Sequence[Future[float]] = ()
    uploaded: tuple[DeviceMoment, DeviceMoment] | None = None
    answered: tuple[DeviceMoment, DeviceMoment] | None = None


class Pipeline:
    """Decode threads, an upload stream and one graph of OTMV's variant.

    Args:
        rig: the device.
        work: questions; the texts are drawn once.
    """

    def __init__(self, rig: Rig, work: SizedWork) -> None:
        self._rig, self.batch = rig, work.batch
        self.threads = len(os.sched_getaffinity(0))
        config = rig.size.config(work)
        model, pattern = made("otmv", config, rig)
        inputs = draw(work, config, rig)
        self._pixels = inputs.pixels
        score = whole(model, pattern, work, inputs)
        self._graph: Replay = rig.device.capture(lambda: score().argmax(-1))
        self._aside = rig.device.stream()
        self._lanes = [self._lane() for _ in range(RING)]

    def _lane(self) -> Lane:
        host = torch.zeros_like(self._pixels, device="cpu")
        answers = torch.zeros(self.batch, dtype=torch.int64)
        if self._rig.device.is_cuda:
            host, answers = host.pin_memory(), answers.pin_memory()
        return Lane(host, torch.zeros_like(self._pixels), answers)

    def warm(self, pool: ThreadPoolExecutor, files: Sequence[bytes]) -> None:
        """Run each lane once."""
        for lane in self._lanes:
            self._decode(pool, files, lane, 0)
            self._finish(self._launch(lane))

    def alone(
        self, pool: ThreadPoolExecutor, files: Sequence[bytes], deadline: TimeLimit
    ) -> dict[str, float]:
        """Return pictures a second of each stage by itself."""
        lane = self._lanes[0]
        calls: dict[str, Call] = {"upload": lambda: _upload(lane), "model": self._graph}
        samples = rounds(self._rig.device, calls, deadline.part(0.4), most=20)
        rates = {name: self.batch / Quartiles.of(times).median for name, times in samples.items()}
        until, decoded, begun_s = deadline.part(0.5), 0, time.perf_counter()
        while not decoded or (not until.over() and decoded < 40 * _PICTURES):
            for each in self._lanes:
                self._decode(pool, files, each, decoded)
                decoded += self.batch
            for each in self._lanes:
                _ = [done.result() for done in each.decoding]
        rates["decode"] = decoded / (time.perf_counter() - begun_s)
        return rates

    def flow(self, pool: ThreadPoolExecutor, files: Sequence[bytes], deadline: TimeLimit) -> Flow:
        """Keep every lane busy until the deadline, and say how busy each stage was."""
        busy = dict.fromkeys(("decode", "upload", "model"), 0.0)
        under_way: deque[Lane] = deque()
        begun_s, batches = time.perf_counter(), 0
        for lane in self._lanes:
            self._decode(pool, files, lane, 0)
        waiting = deque(self._lanes)
        while waiting:
            lane = waiting.popleft()
            busy["decode"] += sum(done.result() for done in lane.decoding)
            under_way.append(self._launch(lane))
            batches += 1
            while under_way and (len(under_way) >= RING // 2 or not waiting):
                done = under_way.popleft()
                self._finish(done, busy)
                if not deadline.over() and batches + len(waiting) < _MOST_BATCHES:
                    self._decode(pool, files, done, batches * self.batch)
                    waiting.append(done)
        took_s = time.perf_counter() - begun_s
        busy["decode"] /= self.threads
        shares = {name: seconds / took_s for name, seconds in busy.items()}
        return Flow(batches * self.batch, batches * self.batch / took_s, shares)

    def _decode(
        self, pool: ThreadPoolExecutor, files: Sequence[bytes], lane: Lane, first: int
    ) -> None:
        lane.decoding = [
            pool.submit(decode, files[(first + row) % len(files)], out)
            for row, out in enumerate(lane.host.numpy())
        ]

    def _launch(self, lane: Lane) -> Lane:
        """Upload the lane beside the model, then let the model take it and answer."""
        _ = [done.result() for done in lane.decoding]
        lane.uploaded = _beside(self._aside, lambda: self._marked(lambda: _upload(lane)))
        if self._aside is not None:
            torch.cuda.current_stream().wait_stream(self._aside)
        lane.answered = self._marked(lambda: self._answer(lane))
        return lane

    def _answer(self, lane: Lane) -> None:
        self._pixels.copy_(lane.device)
        self._graph()
        lane.answers.copy_(self._graph.output, non_blocking=True)

    def _marked(self, call: Callable[[], None]) -> tuple[DeviceMoment, DeviceMoment]:
        begun = self._rig.device.mark()
        call()
        return begun, self._rig.device.mark()

    def _finish(self, lane: Lane, busy: dict[str, float] | None = None) -> None:
        """Wait for a lane's answers, and count how long the device had worked on it."""
        assert lane.uploaded is not None
        assert lane.answered is not None
        lane.answered[1].wait()
        if busy is not None:
            busy["upload"] += lane.uploaded[1].since_s(lane.uploaded[0])
            busy["model"] += lane.answered[1].since_s(lane.answered[0])


def _upload(lane: Lane) -> None:
    lane.device.copy_(lane.host, non_blocking=True)


def _beside(
    stream: object, call: Callable[[], tuple[DeviceMoment, DeviceMoment]]
) -> tuple[DeviceMoment, DeviceMoment]:
    """Launch on another stream, if there is one."""
    if stream is None:
        return call()
    with torch.cuda.stream(stream):  # type: ignore[arg-type]
        return call()
