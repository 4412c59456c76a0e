"""Indexes an unpacked package with Microsoft's worker library and prints its functions.

Run as `python -I -S tools/index_package.py FOLDER SITE_PACKAGES`: nothing but the folder, what it
brings and the worker library's own packages can then be imported.
"""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

_MESSAGES = Path(__file__).parents[1] / "metering" / "local" / "functions" / "messages.py"


def _messages() -> ModuleType:
    """Load the shapes of the library's messages; the package itself does not have them."""
    spec = importlib.util.spec_from_file_location("_messages", _MESSAGES)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{_MESSAGES} is not there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def _index(folder: Path) -> list[str]:
    import azure_functions_runtime as library  # type: ignore[import-untyped]  # noqa: PLC0415

    started = await library.worker_init_request(_messages().worker_init(str(folder)))
    listed = await library.functions_metadata_request(SimpleNamespace())
    for answer in (started, listed):
        if answer.result.exception is not None:
            raise SystemExit(answer.result.exception.message + answer.result.exception.stack_trace)
    return sorted(found.name for found in listed.function_metadata_results)


def main() -> None:
    """Print the names of the functions."""
    folder, site_packages = Path(sys.argv[1]).resolve(), sys.argv[2]
    libraries = folder / ".python_packages" / "lib" / "site-packages"
    sys.path[:0] = [str(folder), str(libraries)]
    sys.path.append(site_packages)
    print("\n".join(asyncio.run(_index(folder))))
    own = Path(sys.modules["metering"].__file__ or "").resolve()
    if not own.is_relative_to(folder):
        raise SystemExit(f"metering was imported from {own}")


if __name__ == "__main__":
    main()
