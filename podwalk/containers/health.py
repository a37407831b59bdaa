"""gRPC's health checking protocol: the one question that a probe asks, and its answers.

Its messages have one field each, as protobuf's wrappers of a string and of a number have, and are the same bytes.
Source: grpc/grpc, doc/health-checking.md and health.proto.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from podwalk.containers.grpc import RpcError

CHECK = "/grpc.health.v1.Health/Check"
SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
STATUSES = ("UNKNOWN", SERVING, NOT_SERVING, "SERVICE_UNKNOWN")


def question(service: str) -> bytes:
    """Return what a client asks about a service; the empty name is the server as a whole."""
    return StringValue(value=service).SerializeToString()


def service_of(data: bytes) -> str:
    """Return the service that a client asks about.

    Raises:
        RpcError: when the message is none.
    """
    try:
        return StringValue.FromString(data).value
    except DecodeError as error:
        raise RpcError("Internal", f"grpc: error unmarshalling request: {error}") from error


def answer(status: str) -> bytes:
    """Return what a server answers, one of :data:`STATUSES`."""
    return Int32Value(value=STATUSES.index(status)).SerializeToString()


def status_of(data: bytes) -> str:
    """Return what a server answered; the number itself if it is none of the protocol's.

    Raises:
        RpcError: when the message is none.
    """
    try:
        number = Int32Value.FromString(data).value
    except DecodeError as error:
        raise RpcError("Internal", f"grpc: failed to unmarshal the received message: {error}") from error
    return STATUSES[number] if 0 <= number < len(STATUSES) else str(number)
