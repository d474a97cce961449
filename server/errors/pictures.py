"""What can be wrong with a picture."""

from __future__ import annotations

from server.errors.base import ServerError


class ImageError(ServerError):
    """Root of what can be wrong with a picture; `name` says which one."""

    name = "image"

    def __str__(self) -> str:
        return f"{self.name} {super().__str__()}"


class ImageNotRecognised(ImageError):
    """The bytes are not a picture in an accepted format."""

    def __init__(self, accepted: tuple[str, ...]) -> None:
        super().__init__(f"is not a picture this server reads; send {', '.join(accepted)}")
        self.accepted = accepted


class ImageTooManyPixels(ImageError):
    """The picture's header announces more pixels than allowed; nothing was decoded."""

    def __init__(self, width: int | None, height: int | None, limit_pixels: int) -> None:
        size = f"{width}x{height}" if width and height else "more"
        super().__init__(f"has {size} pixels; the limit is {limit_pixels}: scale it down")
        self.width, self.height, self.limit_pixels = width, height, limit_pixels


class ImageUnreadable(ImageError):
    """The picture's format is known, but its data is damaged or cut off."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot be decoded ({reason}); send the whole, undamaged file")
        self.reason = reason
