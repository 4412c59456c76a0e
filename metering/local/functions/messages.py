"""Plain objects in the shape of the gRPC messages the Python worker library reads and writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar


class TypedData:
    """One value and its kind, such as `TypedData(json="{}")`; without a value it is empty."""

    __slots__ = ("kind", "value")

    kind: str | None
    value: object

    def __init__(self, **field: object) -> None:
        self.kind, self.value = next(iter(field.items()), (None, None))

    def WhichOneof(self, _union: str) -> str | None:  # noqa: N802 - the library calls it so
        """Return the kind of the value, None when empty."""
        return self.kind

    def __getattr__(self, name: str) -> object:
        """Return the value under the name of its kind, and under no other."""
        if name == self.kind:
            return self.value
        raise AttributeError(name)


@dataclass(frozen=True, slots=True)
class ParameterBinding:
    """The value of one argument of a function."""

    name: str
    data: TypedData

    def WhichOneof(self, _union: str) -> str:  # noqa: N802 - the library calls it so
        """Return that the value is in the message, not in shared memory."""
        return "data"


@dataclass(frozen=True, slots=True)
class RpcException:
    """The exception of a function or of indexing."""

    message: str
    stack_trace: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class StatusResult:
    """The status of a request, with its exception if it failed."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1

    status: int
    exception: RpcException | None = None


@dataclass(frozen=True, slots=True)
class BindingInfo:
    """A binding's kind and direction; the library compares with the class's own constants."""

    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2

    type: str
    data_type: int | None
    direction: int


#: The classes the library takes from its caller. Those it only fills in need no shape of their own.
PROTOS = SimpleNamespace(
    BindingInfo=BindingInfo,
    FunctionMetadataResponse=SimpleNamespace,
    InvocationResponse=SimpleNamespace,
    ParameterBinding=ParameterBinding,
    RpcException=RpcException,
    RpcFunctionMetadata=SimpleNamespace,
    RpcHttp=SimpleNamespace,
    RpcRetryOptions=SimpleNamespace,
    StatusResult=StatusResult,
    TypedData=TypedData,
    WorkerInitResponse=SimpleNamespace,
    WorkerMetadata=SimpleNamespace,
)


def worker_init(app_dir: str) -> SimpleNamespace:
    """Return the request that starts the library on the app in a folder."""
    message = SimpleNamespace(capabilities={}, function_app_directory=app_dir)
    return SimpleNamespace(
        request=SimpleNamespace(worker_init_request=message),
        properties={"host": "127.0.0.1", "protos": PROTOS},
    )


def invocation(
    ids: tuple[str, str],
    argument: ParameterBinding,
    trigger_metadata: dict[str, TypedData],
    retries: tuple[int, int],
) -> SimpleNamespace:
    """Return the request for one invocation.

    `ids` are those of the invocation and of the function; `retries` are the number of retries so
    far and the most there will be.
    """
    message = SimpleNamespace(
        invocation_id=ids[0],
        function_id=ids[1],
        input_data=[argument],
        trigger_metadata=trigger_metadata,
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(
            retry_count=retries[0], max_retry_count=retries[1], exception=None
        ),
    )
    return SimpleNamespace(request=SimpleNamespace(invocation_request=message))


def collection_of_bytes(values: Sequence[bytes]) -> TypedData:
    """Return a list of byte strings as one value."""
    return TypedData(collection_bytes=SimpleNamespace(bytes=list(values)))


def collection_of_strings(values: Sequence[str | None]) -> TypedData:
    """Return a list of strings as one value, without its empty entries: so the host sends it."""
    return TypedData(collection_string=SimpleNamespace(string=[v for v in values if v]))


def collection_of_integers(values: Sequence[int]) -> TypedData:
    """Return a list of integers as one value."""
    return TypedData(collection_sint64=SimpleNamespace(sint64=list(values)))
