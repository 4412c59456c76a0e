"""Drives the function app through Microsoft's own Python worker library, as Azure does.

The library keeps its index of functions in module globals, and imports the app as the top-level
module `function_app`. So a process has one app at a time: starting another retires the first.
"""

import importlib
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Self

import azure_functions_runtime as library  # type: ignore[import-untyped]

from metering.core.basics.errors import ConfigurationError, MeteringError
from metering.local.functions import messages
from metering.local.functions.batch_messages import bodies_of, trigger_metadata
from metering.local.functions.http_messages import (
    HttpRequest,
    HttpResponse,
    http_data,
    http_response,
)
from metering.local.functions.messages import TypedData
from metering.local.functions.metadata import FunctionMetadata, function_from
from metering.local.hubs.hub import HubEvent

_APP_MODULE = "function_app"


class WorkerFailed(ConfigurationError):
    """The app cannot be imported or indexed, or has no such function.

    `stack_trace` is the library's own, empty when it gave none.
    """

    def __init__(self, message: str, stack_trace: str = "") -> None:
        super().__init__(message)
        self.stack_trace = stack_trace


class InvocationFailed(MeteringError):
    """A function raised, or its argument could not be decoded."""

    def __init__(self, function: str, message: str, stack_trace: str = "") -> None:
        super().__init__(f"{function}: {message}")
        self.function = function
        self.message = message
        self.stack_trace = stack_trace


class FunctionsWorker:
    """The indexed functions of one app, ready to be invoked.

    Async functions run on the caller's event loop; sync functions run on its default executor,
    and cannot be stopped by a cancellation. Invocations may overlap.
    """

    def __init__(
        self, app_dir: Path, module: ModuleType, functions: Sequence[FunctionMetadata]
    ) -> None:
        self.app_dir = app_dir
        self.functions: Mapping[str, FunctionMetadata] = MappingProxyType(
            {function.name: function for function in functions}
        )
        self._module = module

    @classmethod
    async def start(cls, app_dir: Path) -> Self:
        """Import and index the `function_app.py` in a folder, which goes first on `sys.path`.

        `function_app` is imported anew at every start; modules it imports are not. Raises
        WorkerFailed, with the library's message, when the app does not import or index.
        """
        folder = _clear_the_way(app_dir)
        started = await library.worker_init_request(messages.worker_init(folder))
        _raise_if_failed(started.result)
        listed = await library.functions_metadata_request(SimpleNamespace())
        _raise_if_failed(listed.result)
        if not listed.function_metadata_results:
            raise WorkerFailed(f"no function is defined in {folder}/{_APP_MODULE}.py")
        found = [function_from(message) for message in listed.function_metadata_results]
        module = sys.modules.get(_APP_MODULE)
        if module is None:
            raise WorkerFailed(f"not {_APP_MODULE}.py: is PYTHON_SCRIPT_FILE_NAME set?")
        return cls(app_dir, module, found)

    async def invoke_event_hub(
        self, name: str, events: Sequence[HubEvent], partition: str, retry_count: int = 0
    ) -> None:
        """Invoke a function once with a batch of one partition, as for cardinality many.

        `retry_count` is the number of retries so far: 0 at the first attempt. Raises
        InvocationFailed, and WorkerFailed for an unknown function.
        """
        metadata = trigger_metadata(partition, events)
        await self._invoke(self._function(name), bodies_of(events), metadata, retry_count)

    async def invoke_timer(
        self, name: str, *, past_due: bool = False, retry_count: int = 0
    ) -> None:
        """Invoke a timer function once. Errors are those of `invoke_event_hub`."""
        data = TypedData(json='{"IsPastDue": true}' if past_due else '{"IsPastDue": false}')
        await self._invoke(self._function(name), data, {}, retry_count)

    async def invoke_http(self, name: str, request: HttpRequest) -> HttpResponse:
        """Invoke an HTTP function once. Errors are those of `invoke_event_hub`.

        A response that sets cookies fails: nothing here needs them.
        """
        answer = await self._invoke(self._function(name), http_data(request), {}, 0)
        return http_response(answer.return_value)

    def _function(self, name: str) -> FunctionMetadata:
        if name not in self.functions:
            raise WorkerFailed(f"the app has no function {name}: it has {sorted(self.functions)}")
        return self.functions[name]

    async def _invoke(
        self,
        function: FunctionMetadata,
        data: TypedData,
        metadata: dict[str, TypedData],
        retry_count: int,
    ) -> SimpleNamespace:
        if sys.modules.get(_APP_MODULE) is not self._module:
            raise WorkerFailed(f"another app was started since: {self.app_dir} is retired")
        request = messages.invocation(
            ids=(str(uuid.uuid4()), function.function_id),
            argument=messages.ParameterBinding(str(function.trigger["name"]), data),
            trigger_metadata=metadata,
            retries=(retry_count, function.retry.max_retry_count if function.retry else 0),
        )
        response: SimpleNamespace = await library.invocation_request(request)
        if response.result.status != messages.StatusResult.Success:
            error = response.result.exception
            raise InvocationFailed(function.name, error.message, error.stack_trace)
        return response


def _clear_the_way(app_dir: Path) -> str:
    """Make `import function_app` find the app of this folder and no other; return its path."""
    folder = str(app_dir.resolve())
    if not Path(folder, f"{_APP_MODULE}.py").is_file():
        raise WorkerFailed(f"no {_APP_MODULE}.py in {folder}")
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
    sys.modules.pop(_APP_MODULE, None)
    importlib.invalidate_caches()
    return folder


def _raise_if_failed(result: messages.StatusResult) -> None:
    if result.status == messages.StatusResult.Success:
        return
    error = result.exception
    raise WorkerFailed(
        error.message if error else "the worker library gave no reason",
        error.stack_trace if error else "",
    )
