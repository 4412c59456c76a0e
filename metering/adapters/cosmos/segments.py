"""Where the documents of a ledger are: its segments, each a logical partition of its own.

A logical partition holds 20 GB. The last page of a segment says that it is (`Page.closes`), so
whoever has read it knows where the next page is, and no pointer has to be written. The head of a
segment is the checkpoint of its own pages: that of a closed one is at its last page.
"""

import base64
import zlib
from typing import Final

from pydantic_core import from_json, to_json

from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document, is_rounded
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import Page, read_page

HEAD: Final = "head"
_MARK: Final = "#"
#: What a page of one entry looks like: the compressor refers to it, so that a small page takes half
#: the bytes. It is part of the stored form: never change it, add another one.
_TYPICAL: Final = (
    b'"limits":null,"supersedes":[],"schema":2,"previous":"0000","rates":[{"channel":"marketplace"'
    b',"channel":"microsoft","model":"claude-gpt-5.4o-mini-2024-","multiplier":"1","row":"/data_zon'
    b'e/regional/provisioned/global/any/standard","unit":"token","units":{"cache_write":"","cached_'
    b'audio":"","cached_image":"1250000000000","cached_read":"1250000000000","input":"2500000000000'
    b'","input_audio":"","input_image":"2500000000000","output":"10000000000000","output_audio":"",'
    b'"reasoning":"10000000000000"},"version":"azure-retail-2026-11-30","weights":null}],"dimension'
    b's":[["llm.usage.v1","/apim/","",200,"",null,"azure.openai",null,"responses","embeddings","cha'
    b't-completions","","global","data_zone","swedencentral",null,"standard",true,false,null,null,n'
    b'ull,null,null,null,null]],"end_users":[null],"columns":{"amount":["00000000000"],"arrival":[]'
    b',"buckets":{"cached_read":[],"input":[],"output":[],"reasoning":[]},"digest":[""],"dimensions'
    b'":[0],"end_user":[0],"evidence":[6],"id":["-"],"kind":[1],"rate":[0],"time":['
)
#: What an item of a page has readable: its hash covers it together with the rest.
_PLAIN: Final = ("id", "number", "slot", "schema", "hash")
#: Deflate without a header, with the largest window.
_RAW: Final = -15


def partition_of(ledger: LedgerId, segment: int) -> str:
    """Return the partition key of a segment; the first one has the name of the ledger."""
    return str(ledger) if segment == 1 else f"{ledger}{_MARK}{segment}"


def ledger_of(partition: str) -> tuple[LedgerId, int]:
    """Return the ledger and the number of the segment that a partition key names."""
    name, _, segment = partition.partition(_MARK)
    return LedgerId.parse(name), int(segment or 1)


def page_item(page: Page, content: bytes, segment: int) -> Document:
    """Return the item of a page: what it is found and proven by, and the rest compressed."""
    document: Document = from_json(content)
    plain = {name: document.pop(name) for name in _PLAIN}
    compressor = zlib.compressobj(wbits=_RAW, zdict=_TYPICAL)
    packed = compressor.compress(to_json(document)) + compressor.flush()
    place = {"ledger": partition_of(page.ledger, segment)}
    return {**plain, **place, "packed": base64.b64encode(packed).decode()}


def unpacked(item: Document, ledger: LedgerId) -> Document:
    """Return the document of a page as it was written; LedgerBroken for one that is damaged."""
    if "packed" not in item:
        return item
    try:
        packed = base64.b64decode(item["packed"], validate=True)
        decompressor = zlib.decompressobj(wbits=_RAW, zdict=_TYPICAL)
        document = from_json(decompressor.decompress(packed) + decompressor.flush())
    except (TypeError, ValueError, zlib.error) as error:
        raise LedgerBroken(str(ledger), f"{item.get('id')} cannot be unpacked: {error}") from None
    if not isinstance(document, dict):
        raise LedgerBroken(str(ledger), f"{item.get('id')} holds no document")
    # Whatever else the item has is part of it too, so that a change of it breaks the hash.
    plain = {name: value for name, value in item.items() if name not in {"packed", "ledger"}}
    return document | plain


def page_of(item: Document, ledger: LedgerId) -> Page:
    """Return the page in an item. Raises LedgerBroken as `read_page` does."""
    return read_page(unpacked(item, ledger), ledger)


def head_item(head: Head, segment: int) -> Document:
    """Return the item of a head; queries find the first of a ledger by its tenant."""
    document: Document = from_json(write_head(head))
    listed = {"tenant": head.ledger.tenant} if segment == 1 else {}
    return document | {"id": HEAD, "ledger": partition_of(head.ledger, segment)} | listed


def head_in(item: Document, ledger: LedgerId, segment: int) -> Head:
    """Return the head in an item; LedgerBroken where the service has rounded a count of it."""
    if is_rounded(item):
        raise LedgerBroken(str(ledger), "its head has a count of 2^53 or more, which was rounded")
    if item.get("ledger") != partition_of(ledger, segment):
        raise LedgerBroken(str(ledger), f"its head is that of {item.get('ledger')}")
    return read_head({**item, "ledger": str(ledger)}, ledger)


def is_closed(head: Head) -> bool:
    """Say whether the page after a head opens another segment."""
    return head.pages + 1 in head.segments


async def last_checkpoint(documents: CosmosDocuments, ledger: LedgerId) -> Head | None:
    """Return the latest checkpoint of a ledger: one point read for each of its segments."""
    segment, found = 1, None
    while True:
        item = await documents.read(HEAD, partition_of(ledger, segment))
        if item is None:
            return found
        found = head_in(item, ledger, segment)
        if not is_closed(found):
            return found
        segment += 1
