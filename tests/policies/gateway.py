"""The gateway of the tests: the policies' own C#, compiled once, under an interpreter of the XML.

Mono compiles the expressions together with tests/policies/standin into one program, which answers
a scenario a line.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.policies.policy_text import (
    POLICIES,
    Expressions,
    fragment_id,
    policy_files,
    read_policy,
    sections_of,
    with_named_values,
)

_HERE: Final = Path(__file__).parent
NEWTONSOFT: Final = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll"

#: Named values as they are when nothing is switched on.
PLAIN: Final = {
    "metering-logger": "metering-usage",
    "metering-admission": "off",
    "metering-api": "https://metering.example",
    "metering-api-audience": "api://metering",
    "metering-count-streams": "false",
    "metering-trust-bearer": "false",
    "metering-use-case-header": "x-use-case",
    "metering-end-user-header": "x-end-user",
    "metering-agent-header": "x-agent",
    "metering-agent-claim": "none",
    "metering-session-header": "x-session",
    "metering-session-claim": "none",
    "metering-subject-scope": "subscription",
    "metering-retry": "false",
    "metering-retries": "1",
}
VALUES: Final = {
    "plain": PLAIN,
    "counting": PLAIN | {"metering-count-streams": "true"},
    "trusting": PLAIN | {"metering-trust-bearer": "true"},
    "open": PLAIN | {"metering-admission": "fail-open"},
    "closed": PLAIN | {"metering-admission": "fail-closed"},
    "claims": PLAIN | {"metering-agent-claim": "agent", "metering-session-claim": "sid"},
    "pooled": PLAIN | {"metering-retry": "true", "metering-retries": "2"},
    "scoped": PLAIN | {"metering-subject-scope": "gateway"},
    "everything": PLAIN | {"metering-admission": "fail-open", "metering-count-streams": "true"},
}

type Json = dict[str, Any]


def missing() -> str | None:
    """Return why the policies cannot be run here, if they cannot."""
    if shutil.which("mcs") is None or shutil.which("mono") is None:
        return "Mono is not here (Debian: apt-get install mono-mcs mono-runtime)"
    if not Path(NEWTONSOFT).is_file():
        return "Newtonsoft.Json is not here (Debian: apt-get install libnewtonsoft-json5.0-cil)"
    return None


def program(expressions: Expressions) -> Json:
    """Return every policy under every set of named values."""
    made: Json = {}
    for name, values in VALUES.items():
        trees = {
            path: read_policy(with_named_values(path.read_text("utf-8"), values), expressions)
            for path in [*policy_files(), *sorted((_HERE / "base").glob("*.xml"))]
        }
        made[name] = {
            "policies": {p.stem: sections_of(t) for p, t in trees.items() if p.parent == POLICIES},
            "overall": {
                p.stem: sections_of(t) for p, t in trees.items() if p.parent.name == "base"
            },
            "fragments": {
                fragment_id(p): t["children"]
                for p, t in trees.items()
                if p.parent.name == "fragments"
            },
        }
    return made


def source(expressions: Expressions) -> str:
    """Return the expressions as C#, each a method that is given the context.

    Only what the gateway opens to every expression in published samples is imported; all else must
    be named in full.
    """
    methods = []
    for number, code in enumerate(expressions.codes):
        inner = code[1:] if code.startswith("@{") else f"{{ return (object){code[1:]}; }}"
        methods.append(f"public static object E{number}(IContext context)\n{inner}\n")
    numbers = ", ".join(f"E{number}" for number in range(len(expressions.codes)))
    return (
        "using System; using System.Collections.Generic; using System.Linq;\n"
        "using Newtonsoft.Json.Linq; using Gateway;\n"
        "public static class Expressions {\n"
        f"public static readonly Func<IContext, object>[] All = {{ {numbers} }};\n"
        + "\n".join(methods)
        + "}\n"
    )


def compile_program(folder: Path, csharp: str) -> Path:
    """Compile expressions with the stand-in; what the compiler says is in the error."""
    written = folder / "Expressions.cs"
    written.write_text(csharp, "utf-8")
    made = folder / "gateway.exe"
    sources = [str(path) for path in sorted((_HERE / "standin").glob("*.cs"))]
    options = [
        "-langversion:7",
        "-nowarn:162,429",
        "-warnaserror",
        f"-r:{NEWTONSOFT}",
        f"-out:{made}",
    ]
    done = subprocess.run(
        ["mcs", *options, str(written), *sources], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return made


class Gateway:
    """One process that runs scenarios."""

    def __init__(self, folder: Path) -> None:
        expressions = Expressions()
        described = folder / "program.json"
        described.write_text(json.dumps(program(expressions)), "utf-8")
        compiled = compile_program(folder, source(expressions))
        # A time zone that is not UTC: a time that is only written as if it were would show.
        self._process = subprocess.Popen(
            ["mono", str(compiled), str(described)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"TZ": "America/New_York"},
        )

    def _answer(self, line: str) -> Any:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    def run(self, scenario: Json) -> Json:
        """Return what became of one request."""
        answer: Json = self._answer(json.dumps(scenario))
        return answer

    def members(self) -> list[str]:
        """Return the members that the expressions use, each as `type member`."""
        answer: list[str] = self._answer("members")
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
