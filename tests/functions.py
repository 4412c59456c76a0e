"""The functions of the app and their bindings, as Microsoft's library declares them."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

_APP = Path(__file__).parents[1] / "function_app.py"


@cache
def functions() -> dict[str, list[dict[str, Any]]]:
    """Return the bindings of each function by its name.

    From an app of our own: one app lists its functions once, and others here do that too.
    """
    spec = importlib.util.spec_from_file_location("function_app_of_tests", _APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        function.get_function_name(): [json.loads(one) for one in function.get_raw_bindings()]
        for function in module.app.get_functions()
    }
