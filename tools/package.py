"""Builds the zip that Functions deploys: the app and all it imports, for Linux x64 and Python 3.13.

The same commit gives the same bytes: files are sorted and have one fixed time. Left out is what
Azure does not run: the command line, the local system, tests, documentation.
"""

import argparse
import hashlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from tools.lock_requirements import LOCK, PLATFORM, ROOT

FOLDER: Final = ROOT / "build" / "app"
PACKAGE: Final = ROOT / "build" / "metering.zip"
#: Where Functions looks for what is not built there.
LIBRARIES: Final = Path(".python_packages") / "lib" / "site-packages"
#: Of the app only what Azure runs.
_NOT_RUN: Final = frozenset(
    {
        *("metering/cli", "metering/local", "metering/__main__.py"),
        # Without PyYAML, which the app does not install, it could not be imported.
        "metering/adapters/yaml_text.py",
        # Replays are run by a person; what reads Avro is not installed in Azure.
        *("metering/adapters/hubs/capture_avro.py", "metering/adapters/hubs/capture_folder.py"),
        "metering/adapters/hubs/capture_container.py",
    }
)
#: What an extra adds: its files, its requirements.
_EXTRAS: Final = {
    "parquet": (
        frozenset({"metering/adapters/exports/parquet_format.py"}),
        ROOT / "requirements-parquet.txt",
    )
}
_AT_THE_TOP: Final = ("function_app.py", "host.json", "requirements.txt")
#: The earliest time that a zip can hold.
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16


def app_files(extras: Collection[str] = ()) -> Iterator[Path]:
    """Yield the app's own files, relative to the repository."""
    not_run = _NOT_RUN.union(*(files for name, (files, _) in _EXTRAS.items() if name not in extras))
    yield from (Path(name) for name in _AT_THE_TOP)
    for path in sorted((ROOT / "metering").rglob("*")):
        relative = path.relative_to(ROOT)
        skipped = any(relative.is_relative_to(left_out) for left_out in not_run)
        if path.is_file() and "__pycache__" not in relative.parts and not skipped:
            yield relative


def lay_out(folder: Path, extras: Collection[str] = ()) -> None:
    """Put the app's own files into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for relative in app_files(extras):
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / relative, target)


def add_libraries(folder: Path, extras: Collection[str] = ()) -> None:
    """Install what the lock and the extras name, by hash, for Azure's platform."""
    target = folder / LIBRARIES
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    for locked in (LOCK, *(_EXTRAS[name][1] for name in extras)):
        subprocess.run(
            [*command, "--require-hashes", "-r", str(locked), "--target", str(target), *PLATFORM],
            check=True,
        )
    # Commands of libraries have this machine's Python in their first line, and nobody runs them.
    shutil.rmtree(target / "bin", ignore_errors=True)


def zipped(folder: Path, package: Path) -> None:
    """Write a folder to a zip; the same files give the same bytes."""
    package.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in relative.parts:
                entry = zipfile.ZipInfo(relative.as_posix(), _TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3
                entry.external_attr = _READABLE
                out.writestr(entry, path.read_bytes())


def functions_in(package: Path, folder: Path) -> list[str]:
    """Unpack a package into an empty folder and return what the worker library finds there.

    In a process of its own that can import nothing else. CalledProcessError if it finds nothing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(package) as content:
        content.extractall(folder)
    script = str(ROOT / "tools" / "index_package.py")
    command = [sys.executable, "-I", "-S", script, str(folder), sysconfig.get_path("purelib")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={})
    return done.stdout.split()


def main() -> int:
    """Build the package, index it, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", action="append", choices=sorted(_EXTRAS), default=[])
    extras = parser.parse_args().extra
    lay_out(FOLDER, extras)
    add_libraries(FOLDER, extras)
    zipped(FOLDER, PACKAGE)
    digest = hashlib.sha256(PACKAGE.read_bytes()).hexdigest()
    size = PACKAGE.stat().st_size / 1_000_000
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        print("functions:", *functions_in(PACKAGE, ROOT / "build" / "unpacked"))
    print(f"{PACKAGE.relative_to(ROOT)}: {size:.1f} MB, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
