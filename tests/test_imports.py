"""Importing any module does nothing: no environment is read, no socket or file is opened."""

import subprocess
import sys

_IMPORT_EVERYTHING = """
import os, pkgutil, socket, sqlite3
os.environ.clear()

def refuse(*_, **__):
    raise AssertionError("I/O at import")

import metering
socket.socket.connect = refuse
sqlite3.connect = refuse
names = [module.name for module in pkgutil.walk_packages(metering.__path__, "metering.")]
for name in names:
    if not name.endswith("__main__"):
        __import__(name)
import function_app
print(len(names))
"""


def test_every_module_imports_with_an_empty_environment_and_without_io() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_EVERYTHING],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert int(done.stdout) > 60
