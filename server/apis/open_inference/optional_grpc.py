"""gRPC, if a port for it is set and its packages are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fastapi import FastAPI

from artifact.errors import how_to_install
from server.apis.answer_route import AnswerRoutes
from server.configuration.settings import Settings


class GrpcUnavailable(Exception):
    """A port for gRPC is set, but its packages are not installed."""

    def __init__(self) -> None:
        super().__init__(f"gRPC needs its packages ({how_to_install('grpc')}, or set no grpc_port)")


class Listener(Protocol):
    """A server beside the HTTP one."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        ...

    async def start(self) -> None:
        """Begin to take calls."""
        ...

    async def stop(self) -> None:
        """Take no more calls, and end those that run."""
        ...


def grpc_listener(settings: Settings, routes: AnswerRoutes) -> Callable[[FastAPI], Listener] | None:
    """Return what opens the gRPC server, inside the event loop; None if no port is set.

    `routes`: all of the app that answer, for the front.

    Raises:
        GrpcUnavailable: its packages are not installed.
    """
    port = settings.grpc_port
    if port is None:
        return None
    try:
        from server.apis.open_inference.grpc.listening import GrpcServer
    except ImportError as error:
        raise GrpcUnavailable from error
    return lambda app: GrpcServer(app, port, routes)
