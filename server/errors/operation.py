"""What an operator asked for cannot be done, or not now."""

from __future__ import annotations

from pathlib import Path

from server.errors.base import ServerError


class ReloadOff(ServerError):
    """Any client that reaches the port could change the model, so reloading must be allowed."""

    def __init__(self) -> None:
        super().__init__("reloading is off; start the server with OTMV_RELOAD=true")


class ReloadRunning(ServerError):
    """One artifact at a time is loaded beside the one that is served."""

    def __init__(self, retry_after_s: float = 5.0) -> None:
        super().__init__("another reload is running; try again when it has ended")
        self.retry_after_s = retry_after_s


class MemoryBudgetFixed(ServerError):
    """Any client that reaches the port could make answers worse, so changes must be allowed."""

    def __init__(self) -> None:
        super().__init__(
            "the memory budget of this server is fixed; start it with OTMV_RELOAD=true"
        )


class MemoryBudgetChanging(ServerError):
    """The memory budget is being changed; nothing else that operators ask for begins until then."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("the memory budget is being changed; try again when that has ended")
        self.retry_after_s = retry_after_s


class MemoryBudgetTooSmall(ServerError):
    """A memory budget would leave no variant; nothing has changed.

    `smallest_mb` is the smallest budget that keeps one, 10^6 bytes.
    """

    def __init__(self, asked_mb: float, smallest_mb: float) -> None:
        super().__init__(
            f"a memory budget of {asked_mb:g} MB holds no variant; "
            f"the smallest that does is {smallest_mb:.3f} MB"
        )
        self.smallest_mb = smallest_mb


class AdaptersFixed(ServerError):
    """Any client that reaches the port could change answers, so changes must be allowed."""

    def __init__(self) -> None:
        super().__init__(
            "the adapters of this server are fixed; start it with OTMV_ADAPTERS and "
            "OTMV_RELOAD=true"
        )


class AdaptersChanging(ServerError):
    """One adapter at a time is loaded or dropped."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("another adapter is being loaded or dropped; try again after that")
        self.retry_after_s = retry_after_s


class AdapterNotThere(ServerError):
    """No adapter of that name is loaded, or lies in the folder of adapters."""


class AdapterRefused(ServerError):
    """An adapter failed a check or could not be loaded; nothing has changed."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))


class ArtifactOutside(ServerError):
    """A reload may name artifacts below one folder only."""

    def __init__(self, path: Path, root: Path) -> None:
        super().__init__(
            f"{path} does not lie below {root}; put the artifact there, "
            "or set OTMV_ARTIFACTS_ROOT on the server"
        )
        self.path, self.root = path, root


class ArtifactRefused(ServerError):
    """A new artifact failed a check or could not be loaded; nothing has changed."""

    def __init__(self, cause: Exception, served: str) -> None:
        super().__init__(f"{cause}; {served} is still served")
