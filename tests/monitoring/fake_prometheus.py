"""A Prometheus that gives prepared answers: for tests of the report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import httpx

Answers = Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]
"""By a part of the query: the value of each series, by its labels."""

START_S = 1_700_000_040.0


def labels(**pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple(pairs.items())


NOTHING: Answers = {}
BUSY: Answers = {
    "by (outcome)": {
        labels(outcome="late"): 1.0,
        labels(outcome="ok"): 6.0,
        labels(outcome="error"): 0.0,
    },
    "sum(rate(otmv_shed_total": {(): 2.0},
    "histogram_quantile(0.99, sum by (le) (rate(otmv_request": {labels(): 0.2},
    "histogram_quantile(0.9, sum by (le) (rate(otmv_request": {labels(): 0.1},
    "histogram_quantile(0.5, sum by (le) (rate(otmv_request": {labels(): 0.05},
    'sum(rate(otmv_requests_total{outcome="ok"': {labels(): 0.75},
    "otmv:attainment:objective": {labels(): 0.99},
    "avg by (variant)": {labels(variant="full"): 0.9, labels(variant="d2"): 0.7},
    "sum by (variant) (rate(otmv_requests_total": {
        labels(variant="full"): 4.0,
        labels(variant="d2"): 3.0,
        labels(variant="d1"): 0.0,
    },
    "sum by (task) (rate(otmv_requests_total": {labels(task="vqa"): 0.85},
    'sum(rate(otmv_requests_total{outcome="ok"}[60s]) * on': {labels(): 0.6},
    "otmv_step_rows": {labels(): 3.5},
    'source="paper"': {
        labels(task="vqa", variant="otmv", source="paper"): 1.63,
        labels(task="vqa", variant="full", source="paper"): 1.0,
        labels(task="caption", variant="otmv", source="paper"): 1.60,
    },
    "group_left () (sum by (task)": {
        labels(task="vqa", variant="full"): 1.0,
        labels(task="vqa", variant="d2"): 2.5,
        labels(task="vqa", variant="otmv"): 1.7,
    },
}


def found(answers: Answers, query: str) -> Mapping[tuple[tuple[str, str], ...], float]:
    """Return the series of the longest part that is in the query."""
    parts = [part for part in answers if part in query]
    return answers[max(parts, key=len)] if parts else {}


def answer(answers: Answers, route: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of one reply, as Prometheus' HTTP API has it."""
    result = []
    kind = "matrix" if route.endswith("query_range") else "vector"
    for pairs, value in found(answers, fields["query"]).items():
        text = "NaN" if math.isnan(value) else str(value)
        if kind == "matrix":
            start_s, end_s, step_s = (float(fields[name]) for name in ("start", "end", "step"))
            times = [start_s + step_s * i for i in range(int((end_s - start_s) / step_s) + 1)]
            result.append({"metric": dict(pairs), "values": [[t, text] for t in times]})
        else:
            result.append({"metric": dict(pairs), "value": [float(fields["time"]), text]})
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def transport(answers: Answers, asked: list[str] | None = None) -> httpx.MockTransport:
    def reply(request: httpx.Request) -> httpx.Response:
        fields = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if asked is not None:
            asked.append(fields["query"])
        return httpx.Response(200, json=answer(answers, request.url.path, fields))

    return httpx.MockTransport(reply)


@contextmanager
def serving_answers(answers: Answers) -> Iterator[str]:
    """Serve it on a free port; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["content-length"])).decode()
            fields = {name: values[0] for name, values in parse_qs(form).items()}
            body = json.dumps(answer(answers, self.path, fields)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
