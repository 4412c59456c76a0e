"""Statements and invoices as PDF: the same bytes, every name, headers on every page."""

import re
from dataclasses import replace

import pytest

from metering.adapters.exports import pdf_sheet, pdf_text
from metering.adapters.exports.pdf_sheet import Sheet
from metering.adapters.exports.pdf_text import BOLD, SANS, runs, width, wrapped
from metering.adapters.exports.statement_pdf import invoice_pdf, statement_pdf
from metering.core.invoices.invoice_document import sealed
from metering.core.invoices.issuing import reissue, void
from metering.core.tenancy.customers import Customer
from tests.builders import a_line, a_rate
from tests.core.invoices.documents import ACME, TERMS, WRONG, issued, new, place
from tests.statements import DECEMBER, MILLION, a_statement, adjusted

CAFE = "株式会社アクメ Ελλάς Привет 한국 Zürich"


class Pages:
    """The lines of text that were placed, by page."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = []

    def text(self, page: int) -> str:
        return "\n".join(self.lines[page])

    @property
    def everything(self) -> str:
        return "\n".join(self.text(page) for page in range(len(self.lines)))


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Record what is placed on each page: text in a PDF is glyphs, by number."""
    found = Pages()
    place_text = Sheet.text

    def text(
        sheet: Sheet, x: float, below: float, line: str, style: pdf_sheet.Style, **more: bool
    ) -> None:
        place_text(sheet, x, below, line, style, **more)
        if line.startswith("Page "):
            found.lines[int(line.split()[1]) - 1].append(line)
        elif sheet.title:
            while len(found.lines) < sheet.page_count:
                found.lines.append([])
            found.lines[sheet.page_count - 1].append(line)

    monkeypatch.setattr(Sheet, "text", text)
    return found


def pages_of(content: bytes) -> int:
    assert content.startswith(b"%PDF-1.")
    return len(re.findall(rb"/Type /Page\b", content))


def test_the_same_statement_gives_the_same_bytes(pages: Pages) -> None:
    statement = a_statement(base_fee="100.00")
    content = statement_pdf(statement, TERMS, ACME)
    assert content == statement_pdf(statement, TERMS, ACME)
    assert content != statement_pdf(replace(statement, number=2), TERMS, ACME)
    assert pages_of(content) == 1
    assert b"/CreationDate (D:20000101000000" in content
    for expected in (
        *("Statement", "Acme GmbH", "ATU12345678", "Contoso IT", "10115 Berlin", "DE123456789"),
        *("2026-11-01 to 2026-12-01 (end exclusive)", "gpt-4o, input", "1,000,000", "2.5 / 1M"),
        # 3.50 and a base fee of 100; 20 % of it; both. Closed on 2 December, due 30 days later.
        *("103.50", "VAT 20 % of 103.50", "20.70", "124.20 USD", "2027-01-01", "Page 1 of 1"),
    ):
        assert expected in pages.everything


def test_a_long_statement_breaks_over_pages_with_its_headers_and_numbers(pages: Pages) -> None:
    totals = {
        a_rate(f"model-{n}", input="2.5", output="10"): a_line(2, input=MILLION) for n in range(60)
    }
    content = statement_pdf(a_statement(totals), TERMS, ACME)
    assert pages_of(content) == len(pages.lines) > 1
    for number, lines in enumerate(pages.lines, 1):
        text = "\n".join(lines)
        assert f"Page {number} of {len(pages.lines)}" in text
        if "model-" in text:
            assert "Amount, USD" in lines
            assert lines.index("Item") < next(i for i, x in enumerate(lines) if "model-" in x)
    shown = [line for line in pages.everything.splitlines() if line.startswith("model-")]
    assert len(shown) == 60


@pytest.mark.parametrize(
    ("currency", "fee", "expected"),
    # 20 % of 1234 yen is 246.8, rounded 247. 20 % of 1.234 dinar is 0.2468, rounded 0.247.
    [("JPY", "1234", ("1,234", "247", "1,481 JPY")), ("KWD", "1.234", ("1.234", "0.247", "1.481"))],
)
def test_amounts_have_the_decimals_of_their_currency(
    pages: Pages, currency: str, fee: str, expected: tuple[str, ...]
) -> None:
    statement_pdf(a_statement({}, base_fee=fee, currency=currency), TERMS, ACME)
    assert all(one in pages.everything for one in expected)


def test_a_draft_says_so_and_a_reverse_charge_has_no_tax(pages: Pages) -> None:
    exempt = Customer(tax_id="X", reverse_charge=True)
    statement_pdf(a_statement(), TERMS, exempt, is_draft=True)
    text = pages.everything
    assert "Draft statement" in text
    assert "The period is open: amounts may still change." in text
    assert "Reverse charge." in text
    assert "VAT" not in text
    assert "Due" not in text


def test_every_document_names_the_one_that_it_refers_to(pages: Pages) -> None:
    first = a_statement(base_fee="100.00")
    second = a_statement(
        month=DECEMBER, previous=first, adjustments=[adjusted("-8.00", charge_period="2026-11")]
    )
    documents = issued(second, issued(first))
    documents.append(sealed(void(documents[1], documents, place(documents), WRONG, 0)))
    again = reissue(documents[3], second, documents, new(documents, second), WRONG)
    documents.append(sealed(again))
    expected = [
        ("Invoice", "INV-000001", first, ""),
        ("Credit note", "INV-000002", second, "Credits\nINV-000001"),
        ("Invoice", "INV-000003", second, "Balance of earlier documents\n"),
        ("Void", "INV-000004", second, "Voids\nINV-000002"),
        ("Credit note, reissued", "INV-000005", second, "Replaces\nINV-000004"),
    ]
    for one, (title, number, statement, said) in zip(documents, expected, strict=True):
        pages.lines.clear()
        content = invoice_pdf(one, statement, documents)
        assert content == invoice_pdf(one, statement, documents)
        assert pages.lines[0][0] == title
        assert number in pages.lines[0]
        assert all(part in pages.text(0) for part in said.split("\n"))
    pages.lines.clear()
    whole = sealed(void(documents[0], documents, place(documents), WRONG, 0))
    documents.append(whole)
    invoice_pdf(reissue(whole, first, documents, new(documents, first), WRONG), first, documents)
    assert pages.lines[0][0] == "Invoice, reissued"


def test_names_of_other_scripts_are_glyphs_and_never_boxes() -> None:
    for run in runs(CAFE, BOLD):
        assert all(ord(letter) in pdf_text.glyphs(run.font) for letter in run.text)
    assert "".join(run.text for run in runs(CAFE, BOLD)) == CAFE
    # Composed, one glyph; Thai and Hebrew would need shaping or run from right to left.
    assert [run.text for run in runs("é", SANS)] == ["é"]
    assert [run.text for run in runs("ไא\n", SANS)] == ["U+0E44 U+05D0 U+000A "]
    content = statement_pdf(a_statement(), TERMS, Customer(name=CAFE))
    assert content.count(b"/FontFile2") == 3


def test_hostile_text_stays_text(pages: Pages) -> None:
    hostile = "(x) Tj \\) <b>&amp; " + "A" * 200
    long = a_rate("B" * 3_000, input="1")
    made = adjusted("1.00", reason=hostile)
    statement = a_statement({long: a_line(1, input=MILLION)}, adjustments=[made])
    content = statement_pdf(statement, TERMS, Customer(name="<script>" * 20))
    assert pages_of(content) == len(pages.lines)
    assert "…" in pages.everything
    assert max(width(line, SANS, 8.5) for line in pages.everything.splitlines()) < 600


def test_lines_fit_whatever_is_in_them() -> None:
    for text in ("a b", "x" * 500, "中" * 300, "short " * 90, "", " ", CAFE):
        lines = wrapped(text, SANS, 9, 100)
        assert all(width(line, SANS, 9) <= 100 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
