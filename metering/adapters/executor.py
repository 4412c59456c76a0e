"""The thread for computations that would hold the event loop."""

import asyncio
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

#: How long a thread may keep the interpreter while another waits, in seconds. The event loop waits
#: for it after every system call of a request, ten times or so: Python's own 5 ms make 50 of them.
_SWITCH_S: Final = 0.0001
#: Collections of the middle generation before one of everything, which stops all threads for tens
#: of milliseconds beside a large breakdown. Python has 10.
_RARELY: Final = 100


class ThreadExecutor:
    """Implements Executor: one thread, so that at most one computation competes with the loop."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def run[T](self, work: Callable[[], T]) -> T:
        """Return the result of `work`, or raise its exception. Calls are done in turn."""
        if self._threads is None:
            sys.setswitchinterval(_SWITCH_S)
            # Modules and settings stay: no collection of garbage need walk through them again,
            # which holds up every thread.
            gc.freeze()
            young, middle, _ = gc.get_threshold()
            gc.set_threshold(young, middle, _RARELY)
            self._threads = ThreadPoolExecutor(1, "metering-executor")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


#: That of this process: several would compete with each other.
EXECUTOR: Final = ThreadExecutor()
