"""The API key, or its lack."""

from __future__ import annotations

from server.errors.base import ServerError

_REALM = "otmv"


class Unauthorized(ServerError):
    """The request came without an API key, or with one that is not configured here.

    `headers` are what RFC 6750 (section 3) wants beside the status.
    """

    def __init__(self, given: bool) -> None:
        what = "the API key is not known here" if given else "no API key was sent"
        super().__init__(f"{what}; send a header Authorization: Bearer KEY")
        challenge = f'Bearer realm="{_REALM}"'
        self.headers = {
            "WWW-Authenticate": f'{challenge}, error="invalid_token"' if given else challenge
        }


class RateExceeded(ServerError):
    """The API key was used more often than its rate allows."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"this API key is used too often; try again in {retry_after_s:.3g} s")
        self.retry_after_s = retry_after_s


class NotOperator(ServerError):
    """The API key may ask, but not change what is served."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the API key {name} is no operator's; give it operator = true if it is")


class FromWebPage(ServerError):
    """A browser sent this for a page of another site, and without an API key."""

    def __init__(self) -> None:
        super().__init__(
            "a web page of another site may not ask for this without an API key; "
            "configure keys, or send the request from a program"
        )


class HostNotAllowed(ServerError):
    """The request names a host that the operator has not listed."""

    def __init__(self) -> None:
        super().__init__(
            "this server does not answer for the host in the header Host; "
            "list it in OTMV_ALLOWED_HOSTS on the server"
        )
