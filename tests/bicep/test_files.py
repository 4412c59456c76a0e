"""The Bicep files themselves: grammar, descriptions, nothing secret and nothing left over."""

import re
from pathlib import Path

import pytest

from tests.bicep.bicep_text import MODULES, modules, parameters, resources, text_of, variables
from tools.bicep_syntax import BICEP, bicep_files, plain_form, syntax_errors
from tools.check_bicep_files import EXAMPLES

FILES = [path for path in bicep_files() if path.suffix == ".bicep"]
MAIN = BICEP / "main.bicep"


def _name(path: Path) -> str:
    return str(path.relative_to(BICEP))


@pytest.mark.parametrize("path", bicep_files(), ids=_name)
def test_a_file_follows_the_grammar(path: Path) -> None:
    assert syntax_errors(path) == []


def test_a_file_that_does_not_follow_the_grammar_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.bicep").write_text("param a string\n\nvar b = {\n  c: \n")
    errors = syntax_errors(tmp_path / "wrong.bicep")
    assert errors
    assert all(error.startswith(f"{tmp_path}/wrong.bicep:") for error in errors)


def test_the_plain_form_keeps_lines_and_has_no_types_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "typed.bicep"
    file.write_text(
        "import { sku } from 'types.bicep'\n@export()\n@description('x')\ntype row = {\n"
        "  name: string\n}\n\n@description('y')\nparam rows row[] = []\n"
        "param kind 'a' | 'b' = 'a'\n"
    )
    assert plain_form(file).decode().splitlines()[7:] == [
        "@description('y')",
        "param rows array = []",
        "param kind string = 'a'",
    ]
    assert not b"".join(plain_form(file).split(b"\n")[:7]).strip()


def test_the_plain_form_has_no_functions_and_no_types_of_variables(tmp_path: Path) -> None:
    file = tmp_path / "modern.bicep"
    file.write_text(
        "var rows row[] = loadJsonContent('rows.json')\n"
        "var names = map(rows, one => {\n  name: one.name\n})\nvar last = 1\n"
    )
    assert syntax_errors(file) == []
    plain = plain_form(file).decode().splitlines()
    assert plain[0].split() == ["var", "rows", "=", "loadJsonContent('rows.json')"]
    assert plain[1:] == ["var names = []", "", "", "var last = 1"]


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_every_parameter_says_what_it_is_and_whether_it_is_needed(path: Path) -> None:
    said = r"^@description\('(?:Required|Optional|Conditional)\. .+\.'\)\n"
    described = re.findall(said + r"(?:@\w+\(.*\)\n)*param (\w+)", text_of(path), re.MULTILINE)
    assert described == list(parameters(path))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_every_output_says_what_it_is_and_every_module_what_it_is_for(path: Path) -> None:
    text = text_of(path)
    outputs = re.findall(r"^output (\w+)", text, re.MULTILINE)
    assert re.findall(r"^@description\('.+\.'\)\noutput (\w+)", text, re.MULTILINE) == outputs
    assert re.search(r"^metadata description = '.+\.'$", text, re.MULTILINE)


@pytest.mark.parametrize("path", bicep_files(), ids=_name)
def test_no_key_is_read_and_no_secret_is_written_down(path: Path) -> None:
    text = text_of(path)
    assert not re.search(r"list(Keys|Secrets|AccountSas|ServiceSas)?\(", text)
    assert not re.search(r"AccountKey=|SharedAccessKey|\bsig=|primaryKey|connectionString: '", text)


def test_the_main_file_only_composes() -> None:
    assert list(resources(MAIN)) == ["group"]


def test_every_module_is_deployed_by_something() -> None:
    used = {
        (path.parent / source).resolve() for path in FILES for source, _ in modules(path).values()
    }
    assert set(MODULES.glob("*.bicep")) == used | {MODULES / "types.bicep"}


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_module_is_given_each_parameter_that_it_needs_and_no_other(path: Path) -> None:
    for name, (source, given) in modules(path).items():
        declared = parameters((path.parent / source).resolve())
        needed = {
            parameter
            for parameter, node in declared.items()
            if not re.search(rb"(?m)^param [^\n]*( = |\?$)", node.text or b"")
        }
        assert needed <= set(given) <= set(declared), name


#: How long names may be, and how long the part that every installation ends in is at most: a name
#: of 20 letters, a hyphen, and 13 letters of uniqueString.
LONGEST = {
    "Microsoft.DocumentDB/databaseAccounts": 44,
    "Microsoft.EventHub/namespaces": 50,
    "Microsoft.Web/sites": 60,
    "Microsoft.Web/serverfarms": 60,
    "Microsoft.OperationalInsights/workspaces": 63,
    "Microsoft.Network/virtualNetworks": 64,
    "Microsoft.Network/networkSecurityGroups": 80,
    "Microsoft.ManagedIdentity/userAssignedIdentities": 128,
    "Microsoft.Insights/components": 260,
}
SUFFIX = 20 + 1 + 13


def test_no_name_gets_too_long() -> None:
    names = {
        (kind.partition("@")[0], found["name"])
        for path in FILES
        for kind, found in resources(path).values()
        if "${suffix}" in found.get("name", "")
        and "${" not in found["name"].replace("${suffix}", "")
    }
    # Names of what may exist already are made in main.bicep, as the ends of resource ids.
    for kind, name in re.findall(r"/providers/([\w.]+/\w+)/([\w-]+\$\{suffix\})'", text_of(MAIN)):
        names.add((kind, name))
    account = re.search(
        r"empty\(cosmosAccountName\) \? ('[^']+') : cosmosAccountName", text_of(MAIN)
    )
    assert account
    names.add(("Microsoft.DocumentDB/databaseAccounts", account[1]))
    assert {kind for kind, _ in names} >= set(LONGEST)
    for kind, name in names:
        longest = len(name.strip("'").replace("${suffix}", "")) + SUFFIX
        assert longest <= LONGEST.get(kind, 80), name


@pytest.mark.parametrize("file", ["main.dev.bicepparam", "main.prod.bicepparam"])
def test_a_parameter_file_gives_what_is_needed_and_nothing_that_is_not_there(file: str) -> None:
    given, declared = set(variables(BICEP / file)), parameters(MAIN)
    needed = {
        name
        for name, node in declared.items()
        if not re.search(rb"(?m)^param [^\n]*( = |\?$)", node.text or b"")
    }
    assert needed <= given <= set(declared)


def test_production_has_a_network_and_people_who_are_told() -> None:
    prod = variables(BICEP / "main.prod.bicepparam")
    assert prod["privateNetwork"] is True
    assert prod["alertEmails"]
    assert prod["apiManagementSku"] in {"StandardV2", "PremiumV2"}


def test_local_sign_in_is_off_everywhere_but_where_azure_monitor_needs_it() -> None:
    settings = {
        (path.stem, name): found["properties"]
        for path in FILES
        for name, (_, found) in resources(path).items()
        if isinstance(found.get("properties"), dict)
    }
    assert settings["cosmos", "account"]["disableLocalAuth"] is True
    assert settings["usage-namespace", "usage"]["disableLocalAuth"] is True
    assert settings["logs-namespace", "logsNamespace"]["disableLocalAuth"] is False
    assert settings["storage", "account"]["allowSharedKeyAccess"] is False
    assert settings["storage", "account"]["allowBlobPublicAccess"] is False
    assert settings["monitoring", "insights"]["DisableLocalAuth"] is True
    assert settings["monitoring", "workspace"]["features"]["disableLocalAuth"] is True
    assert settings["function-app", "ftpPasswords"]["allow"] is False
    assert settings["function-app", "scmPasswords"]["allow"] is False
    off = re.findall(r"disableLocalAuth: false", "".join(map(text_of, FILES)))
    assert len(off) == 1


def test_every_variable_without_a_default_has_an_example_for_the_compiler() -> None:
    text = (BICEP / "main.prod.bicepparam").read_text(encoding="utf-8")
    needed = set(re.findall(r"readEnvironmentVariable\('(\w+)'\)", text))
    assert needed <= set(EXAMPLES)
    workflow = (BICEP.parent / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert all(f"          {name}: " in workflow for name in needed)


def test_the_outputs_that_the_pages_name_are_there() -> None:
    text = (BICEP / "main.bicep").read_text(encoding="utf-8")
    page = (BICEP / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"local\.metering\.(\w+)\.value", page)
    assert named
    assert all(f"output {name} string" in text for name in named)
