"""What becomes of a request whose head is complete: it goes on, or is refused unparsed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.front.front import Front
from server.front.gate import Visit

_LATENCY_HEADERS = (b"x-otmv-max-latency-ms", b"x-slo-ttft-ms", b"x-llm-d-slo-ttft-ms")
Headers = Sequence[tuple[bytes, bytes]]


class HeadAdmission:
    """Asks the front about requests that have work for it.

    Args:
        front: decides.
        share_of: who sends a request, by its headers and its address.
        kind_of: what a request asks for, by its target; None: it is not asked about.
    """

    def __init__(
        self,
        front: Front,
        share_of: Callable[[Headers, str], tuple[str, str]],
        kind_of: Callable[[bytes], str | None],
    ) -> None:
        self._front = front
        self._share_of = share_of
        self._kind_of = kind_of

    def knock(
        self,
        url: bytes,
        headers: Headers,
        address: str,
        arrived_s: float,
        body: bytes,
        *,
        whole: bool,
    ) -> Visit | None:
        """Begin the visit of a request; None: it needs none. `whole`: its body is there.

        Raises:
            FrontBusy: it would be answered too late.
        """
        kind = self._kind_of(url)
        if kind is None:
            return None
        said = next((value for name, value in headers if name in _LATENCY_HEADERS), b"")
        share = self._share_of(headers, address)
        told = said.decode("latin-1")
        return self._front.knock(kind, share, arrived_s, told, body, whole=whole)
