"""The protocol over gRPC, on real sockets: answers, refusals, limits, deadlines, keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engine.errors import QueueFull
from server.access.keys import sha256_of
from server.errors import FrontBusy, InvalidFields, ShareUsedUp
from server.http.connection.head_admission import HeadAdmission
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake

grpc = pytest.importorskip("grpc", reason="the extra grpc is not installed")
pb = pytest.importorskip("open_inference.grpc.protocol")
rpc = pytest.importorskip("open_inference.grpc.service")
health_pb2 = pytest.importorskip("grpc_health.v1.health_pb2")
health_rpc = pytest.importorskip("grpc_health.v1.health_pb2_grpc")

RAW = sample_pictures.jpeg()


class Client:
    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = rpc.GRPCInferenceServiceStub(self.channel)

    def infer(self, request: Any, **more: Any) -> Any:
        return self.stub.ModelInfer(request, timeout=more.pop("timeout", 10), **more)

    def refused(self, request: Any, **more: Any) -> Any:
        with pytest.raises(grpc.RpcError) as caught:
            self.infer(request, **more)
        return caught.value


@contextmanager
def serving_grpc(pool: FakePool, **changes: Any) -> Iterator[Client]:
    with serving_fake(pool, grpc_port=0, **changes) as server:
        client = Client(server.app.state.grpc.port)
        with client.channel:
            yield client


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def client(pool: FakePool) -> Iterator[Client]:
    with serving_grpc(pool) as made:
        yield made


def asked(model: str = "fake", question: bytes | None = b"what color?", raw: bool = False) -> Any:
    request = pb.ModelInferRequest(model_name=model)
    elements = {"image": RAW} | ({} if question is None else {"question": question})
    for name, element in elements.items():
        tensor = request.inputs.add(name=name, datatype="BYTES", shape=[1])
        if raw:
            request.raw_input_contents.append(len(element).to_bytes(4, "little") + element)
        else:
            tensor.contents.bytes_contents.append(element)
    return request


def texts(response: Any, name: str) -> bytes:
    index = [each.name for each in response.outputs].index(name)
    return bytes(response.raw_output_contents[index])


@pytest.mark.parametrize("raw", [False, True])
def test_a_question_is_answered(client: Client, pool: FakePool, raw: bool) -> None:
    request = asked("fake/vqa:d2", raw=raw)
    request.id = "mine"
    request.parameters["top_k"].int64_param = 2
    response, call = client.stub.ModelInfer.with_call(request, timeout=10)
    assert texts(response, "answer") == b"\x03\x00\x00\x00red"
    assert texts(response, "variant") == b"\x02\x00\x00\x00d2"
    assert (response.model_name, response.id) == ("fake/vqa:d2", "mine")
    assert response.parameters["task"].string_param == "vqa"
    assert dict(call.trailing_metadata())["x-request-id"]
    deadline_ms = pool.admitted[0].budget.max_latency_ms
    assert deadline_ms is not None
    # gRPC sends a deadline of 10 to 100 s rounded up to the next 100 ms (its timeout_encoding.cc).
    assert 9_000 < deadline_ms <= 10_100


def test_metadata_and_health(client: Client, pool: FakePool) -> None:
    stub = client.stub
    assert stub.ServerLive(pb.ServerLiveRequest()).live
    assert stub.ServerReady(pb.ServerReadyRequest()).ready
    assert stub.ModelReady(pb.ModelReadyRequest(name="fake", version="1")).ready
    assert not stub.ModelReady(pb.ModelReadyRequest(name="other")).ready
    assert stub.ServerMetadata(pb.ServerMetadataRequest()).name == "otmv-serve"
    told = stub.ModelMetadata(pb.ModelMetadataRequest(name="fake/vqa"))
    assert [each.name for each in told.inputs] == ["image", "question"]
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelMetadata(pb.ModelMetadataRequest(name="other"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    check = health_rpc.HealthStub(client.channel).Check
    ready = health_pb2.HealthCheckResponse.SERVING
    assert check(health_pb2.HealthCheckRequest()).status == ready
    name = "inference.GRPCInferenceService"
    assert check(health_pb2.HealthCheckRequest(service=name)).status == ready
    pool.ready = False
    assert check(health_pb2.HealthCheckRequest()).status != ready
    assert not stub.ServerReady(pb.ServerReadyRequest()).ready


def test_hostile_messages_are_refused(client: Client) -> None:
    huge = asked()
    huge.inputs[0].shape[0] = 2**63 - 1
    few = asked(raw=True)
    del few.raw_input_contents[1:]
    short = asked(raw=True)
    short.raw_input_contents[0] = b"\xff\xff\xff\xff"
    many = asked()
    for _ in range(10**5):
        many.outputs.add(name="answer")
    for request in (huge, few, short, many, pb.ModelInferRequest(model_name="fake")):
        error = client.refused(request)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(error.details()) < 1000
    assert client.infer(asked()).outputs


def test_messages_are_bounded(pool: FakePool) -> None:
    with serving_grpc(pool, max_body_bytes=10_000) as client:
        error = client.refused(asked(question=b"x" * 200_000))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert client.infer(asked()).outputs


def test_errors_have_their_codes(client: Client, pool: FakePool) -> None:
    missing = client.refused(asked("fake@cats"))
    assert missing.code() is grpc.StatusCode.NOT_FOUND
    assert "adapter" in missing.details()
    pool.admit_error = QueueFull(8, 2.2)
    full = client.refused(asked())
    assert full.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(full.trailing_metadata())["retry-after"] == "3"
    pool.admit_error, pool.answer_error = None, RuntimeError("/secret")
    inside = client.refused(asked())
    assert inside.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in inside.details()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FrontBusy(1.2), "UNAVAILABLE"),
        (ShareUsedUp(1.2), "RESOURCE_EXHAUSTED"),
        (QueueFull(8, 1.2), "RESOURCE_EXHAUSTED"),
        (InvalidFields.one("x-slo-ttft-ms", "is no number"), "INVALID_ARGUMENT"),
    ],
)
def test_codes_are_those_of_the_one_table(error: Exception, code: str) -> None:
    codes = pytest.importorskip("server.apis.open_inference.grpc.codes")
    found, why, given = codes.abortion_of(error)
    assert (found.name, why) == (code, str(error))
    assert dict(given) == ({} if code == "INVALID_ARGUMENT" else {"retry-after": "2"})


def test_a_busy_front_is_unavailable_and_a_share_used_up_is_exhausted(
    client: Client, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, code in ((FrontBusy(1.2), "UNAVAILABLE"), (ShareUsedUp(1.2), "RESOURCE_EXHAUSTED")):

        def refuse(*args: Any, error: Exception = error, **named: Any) -> None:
            raise error

        monkeypatch.setattr(HeadAdmission, "knock", refuse)
        refused = client.refused(asked())
        assert refused.code().name == code
        assert dict(refused.trailing_metadata())["retry-after"] == "2"
    assert not pool.admitted


def test_reflection_describes_the_services(client: Client) -> None:
    database = pytest.importorskip("grpc_reflection.v1alpha.proto_reflection_descriptor_database")
    pool = pytest.importorskip("google.protobuf.descriptor_pool")
    told = database.ProtoReflectionDescriptorDatabase(client.channel)
    names = {"inference.GRPCInferenceService", "grpc.health.v1.Health"}
    assert names < set(told.get_services())
    service = pool.DescriptorPool(told).FindServiceByName("inference.GRPCInferenceService")
    assert {each.name for each in service.methods} >= {"ModelInfer", "ServerReady", "ModelMetadata"}


def test_a_call_that_is_late_or_left_is_cancelled(client: Client, pool: FakePool) -> None:
    pool.hold = True
    error = client.refused(asked(), timeout=0.3)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    running = client.stub.ModelInfer.future(asked(), timeout=10)
    assert pool.wait_for(lambda each: len(each.seen) == 2)
    running.cancel()
    end_s = time.monotonic() + 5
    while len(pool.cancelled) < 2 and time.monotonic() < end_s:
        time.sleep(0.01)
    assert len(pool.cancelled) == 2
    assert pool.open_places == 0


def test_keys_are_asked_for(pool: FakePool) -> None:
    with serving_grpc(pool, keys={"ann": {"sha256": sha256_of("k")}}) as client:
        assert client.refused(asked()).code() is grpc.StatusCode.UNAUTHENTICATED
        assert client.infer(asked(), metadata=[("authorization", "Bearer k")]).outputs


def test_named_hosts_are_no_hindrance(pool: FakePool) -> None:
    with serving_grpc(pool, allowed_hosts=("otmv.example",)) as client:
        assert client.infer(asked()).outputs
