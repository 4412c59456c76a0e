"""Reads forms (multipart/form-data), in which clients send files."""

import re
from typing import Final, NamedTuple

from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid

_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(rb'[;\s]name="([^"]{1,100})"', re.IGNORECASE)
_FILE: Final = re.compile(rb'[;\s]filename="([^"]{0,255})"', re.IGNORECASE)
#: No API of a provider has as many fields.
_MAX_PARTS: Final = 64


class FormFile(NamedTuple):
    """A file in a form."""

    name: str
    content: bytes


def form_of(content: bytes, content_type: str) -> Json:
    """Return the fields of a form: texts, files, and lists of those named `…[]`.

    Flags are read as JSON has them. Raises FieldInvalid.
    """
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or not content_type.lower().startswith("multipart/form-data"):
        raise FieldInvalid(None, "The body must be a form: multipart/form-data with a boundary.")
    mark = (boundary[1] or boundary[2]).encode()
    parts = (b"\r\n" + content).split(b"\r\n--" + mark, _MAX_PARTS + 2)
    if len(parts) > _MAX_PARTS + 2:
        raise FieldInvalid(None, f"The form has more than {_MAX_PARTS} fields.")
    if not parts[-1].startswith(b"--"):
        raise FieldInvalid(None, "The form has no end.")
    body: Json = {}
    for part in parts[1:-1]:
        head, found, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not found or name is None:
            raise FieldInvalid(None, "A part of the form has no name.")
        _put(body, name[1].decode(errors="replace"), _value(head, value))
    return body


def _value(head: bytes, value: bytes) -> str | bool | FormFile:
    file = _FILE.search(head)
    if file is not None:
        return FormFile(file[1].decode(errors="replace"), value)
    text = value.decode(errors="replace")
    return text == "true" if text in {"true", "false"} else text


def _put(body: Json, name: str, value: str | bool | FormFile) -> None:  # noqa: FBT001, a field
    if name.endswith("[]"):
        body.setdefault(name.removesuffix("[]"), []).append(value)
    else:
        body[name] = value
