"""The gRPC server beside the HTTP one: on its own port, in the same event loop."""

from __future__ import annotations

import grpc
from fastapi import FastAPI
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from open_inference.grpc import protocol as pb
from open_inference.grpc import service as rpc

from server.apis.answer_route import AnswerRoutes
from server.apis.open_inference.grpc.service import HealthService, InferenceService
from server.http.connection.head_admission import HeadAdmission
from server.lifecycle.serving import Serving

_MESSAGE_AROUND_BYTES = 2**16
_MOST_METADATA_BYTES = 2**16
_CLOSING_S = 1.0
_IDLE_MS = 75_000


class GrpcServer:
    """A gRPC server in front of an app. Messages are bounded, and so are those in memory.

    A message is whole before anyone may refuse it, so as many calls are taken at once as largest
    bodies may be in memory.
    """

    def __init__(self, app: FastAPI, port: int, routes: AnswerRoutes) -> None:
        serving: Serving = app.state.serving
        settings = serving.settings
        admission = HeadAdmission(serving.front, serving.shares.of, routes.kind_of)
        self._server = grpc.aio.server(
            options=[
                (
                    "grpc.max_receive_message_length",
                    settings.max_body_bytes + _MESSAGE_AROUND_BYTES,
                ),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", _MOST_METADATA_BYTES),
                ("grpc.max_connection_idle_ms", _IDLE_MS),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=max(2, settings.max_bodies_bytes // settings.max_body_bytes),
        )
        inference = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        rpc.add_GRPCInferenceServiceServicer_to_server(
            InferenceService(app, admission), self._server
        )
        names = frozenset({"", inference})
        health_pb2_grpc.add_HealthServicer_to_server(HealthService(serving, names), self._server)
        reflection.enable_server_reflection(
            (inference, health, reflection.SERVICE_NAME), self._server
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            self.port: int = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(
                f"cannot listen on {settings.host}:{port} for gRPC; "
                "stop what listens there, or set another OTMV_GRPC_PORT"
            ) from error

    async def start(self) -> None:
        """Begin to take calls; until the engine is loaded they are refused."""
        await self._server.start()

    async def stop(self) -> None:
        """Take no more calls, and end those that run."""
        await self._server.stop(_CLOSING_S)
