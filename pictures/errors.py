"""What can be wrong with a picture, and with the process that decodes it."""

from __future__ import annotations


class ImageError(Exception):
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


class ImageTooComplex(ImageUnreadable):
    """The picture is built so that decoding it costs more than a picture of its size may cost."""

    def __init__(self, reason: str) -> None:
        ImageError.__init__(self, f"is not decoded: {reason}; save it again as a plain picture")
        self.reason = reason


class ImageTooManyBytes(ImageTooManyPixels):
    """The decoded picture would take more memory than one picture may have."""

    def __init__(self, decoded_bytes: int, limit_bytes: int) -> None:
        ImageError.__init__(
            self,
            f"takes {decoded_bytes} bytes while it is decoded; the limit is {limit_bytes}: "
            "scale it down, or save it with 8 bits per colour",
        )
        self.decoded_bytes, self.limit_bytes = decoded_bytes, limit_bytes


class DecodeWorkerDied(Exception):
    """The process that decoded a picture ended; no other picture is concerned."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("the process that decoded the picture ended; send the request again")
        self.retry_after_s = retry_after_s
