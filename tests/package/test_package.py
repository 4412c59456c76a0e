"""The package for Azure: whole, small, the same every time, and taken by the worker library."""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.functions import functions
from tools.licences import pinned
from tools.lock_requirements import ROOT
from tools.package import LIBRARIES, app_files, functions_in, lay_out, zipped


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    lay_out(folder / "app")
    zipped(folder / "app", folder / "metering.zip")
    return folder / "metering.zip"


def test_the_worker_library_finds_every_function_in_the_unpacked_package(
    package: Path, tmp_path: Path
) -> None:
    # Without its libraries, for which the tests would need a network: those of .venv stand in. The
    # command `make package` does the same with them.
    assert functions_in(package, tmp_path / "app") == sorted(functions())


def test_the_same_files_give_the_same_bytes(package: Path, tmp_path: Path) -> None:
    lay_out(tmp_path / "app")
    for path in (tmp_path / "app").rglob("*.py"):
        path.touch()
    zipped(tmp_path / "app", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == package.read_bytes()


def test_what_azure_does_not_run_is_left_out() -> None:
    files = {path.as_posix() for path in app_files()}
    assert {"function_app.py", "host.json", "metering/settings/settings.py"} <= files
    assert any(file.startswith("metering/prices/") for file in files)
    for start in ("tests/", "docs/", "metering/cli/", "metering/local/", "bicep/", "tools/"):
        assert not [file for file in files if file.startswith(start)]
    assert not [file for file in files if "__pycache__" in file]


def test_what_an_extra_needs_is_there_with_it_alone() -> None:
    added = set(app_files(["parquet"])) - set(app_files())
    assert added == {Path("metering/adapters/exports/parquet_format.py")}


def _imported_at_the_top() -> Iterator[tuple[Path, str]]:
    for relative in app_files():
        if relative.suffix == ".py":
            for node in ast.parse((ROOT / relative).read_bytes()).body:
                if isinstance(node, ast.Import):
                    yield from ((relative, alias.name) for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield relative, node.module


#: Distributions whose modules are called otherwise.
CALLED: Final = {
    "google": "protobuf",
    "jwt": "pyjwt",
    "opentelemetry": "opentelemetry.sdk",
}


def test_what_the_package_imports_is_in_the_package_or_in_the_lock() -> None:
    locked = {name.replace("-", ".") for name, _ in pinned()} | {
        name.replace("-", "_") for name, _ in pinned()
    }
    modules = {path.with_suffix("").as_posix().replace("/", ".") for path in app_files()}
    modules |= {module.removesuffix(".__init__") for module in modules}
    for file, name in _imported_at_the_top():
        top = name.partition(".")[0]
        found = (
            name in modules
            or top in sys.stdlib_module_names
            or top in locked
            or CALLED.get(top) in locked
            or any(name == one or name.startswith(f"{one}.") for one in locked)
        )
        assert found, f"{file} imports {name}"


def test_libraries_are_where_functions_looks_for_them() -> None:
    assert LIBRARIES.as_posix() == ".python_packages/lib/site-packages"


def test_the_host_is_told_to_fetch_a_known_range_of_extensions() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"
