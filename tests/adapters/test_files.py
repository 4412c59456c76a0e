"""Files of operators: YAML or JSON, or a line that says what is wrong with which file."""

from pathlib import Path

import pytest

from metering.adapters import files
from metering.core.basics.errors import ConfigurationError


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: plus\nmarkup: '0.15'\n")
    (tmp_path / "a.json").write_text('{"id": "plus", "markup": "0.15"}')
    wanted = {"id": "plus", "markup": "0.15"}
    assert files.read_structured(tmp_path / "a.yaml") == wanted
    assert files.read_structured(tmp_path / "a.json") == wanted


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.json", b"{", "a.json: not JSON"),
        ("a.yaml", b"a: [", "a.yaml: not YAML"),
        ("a.yaml", b"\xff\xfe\xff", "a.yaml: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=complaint):
        files.read_structured(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none.yaml"):
        files.read_structured(tmp_path / "none.yaml")


def test_a_file_that_is_far_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 3)
    (tmp_path / "a.json").write_text("1234")
    with pytest.raises(ConfigurationError, match="larger than 3 bytes"):
        files.read_structured(tmp_path / "a.json")
