"""The server takes nothing now, whatever the request."""

from __future__ import annotations

from server.errors.base import ServerError


class TooManyConnections(ServerError):
    """Further connections would leave the server without files to open."""

    def __init__(self, limit: int, retry_after_s: float = 1.0) -> None:
        super().__init__(
            f"{limit} connections are open; try again, or raise the server's limit of open files"
        )
        self.retry_after_s = retry_after_s


class TooManyHeads(ServerError):
    """The heads of all open requests have reached the server's limit; try again shortly."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("too many request heads in memory; try again")
        self.retry_after_s = retry_after_s


class TooManyBodies(ServerError):
    """Bodies waiting in memory have reached the server's limit; try again shortly."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many request bodies in memory; try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class FrontBusy(ServerError):
    """More requests come than HTTP can carry, and this one would not be answered in time."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            f"it would wait {wait_s * 1e3:.0f} ms to be read, too long for its latency budget; "
            "try again, or raise max_latency_ms"
        )
        self.wait_s = wait_s
        self.retry_after_s = wait_s


class ShareUsedUp(FrontBusy):
    """Others wait too, and this client (its API key or its address) has its part already."""


class AnswerOverdue(ServerError):
    """The engine has not said anything of a request, long past its deadline: a fault of ours."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("the engine has not answered, long past the deadline; try again")
        self.retry_after_s = retry_after_s


class NoCommonVariant(ServerError):
    """What is compared came to different variants, whose vectors do not mix."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__(
            "what is compared came to different variants, whose vectors do not mix; "
            "name one as the budget's variant"
        )
        self.retry_after_s = retry_after_s


class StillLoading(ServerError):
    """The engine is loading, checking or warming its artifact."""

    def __init__(self, phase: str, retry_after_s: float = 2.0) -> None:
        super().__init__(f"the engine is not ready yet ({phase}); wait until /readyz answers 200")
        self.retry_after_s = retry_after_s


class StillDraining(ServerError):
    """The server is shutting down and takes no new work."""

    def __init__(self, retry_after_s: float = 5.0) -> None:
        super().__init__("the server is shutting down; send the request to another one")
        self.retry_after_s = retry_after_s
