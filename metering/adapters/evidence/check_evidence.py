"""Check an evidence file of metering: prove a bill without the system that made it.

    python check_evidence.py evidence.jsonl --anchor anchor.json

It needs Python 3.10 and nothing else. It derives again, from what the file has: the hash chain of
every ledger, the amount of every entry, that no id counts twice, the chain of statements, every
line of the last statement but shares of provisioned capacity, which depend on other tenants, and
every amount of the invoices, credit notes and other documents about its statements. With
an anchor that was received from elsewhere it proves that nothing was changed since. Exit status 0:
all of it holds; 1: it does not, and each fault is named; 2: the file cannot be read.

The format is described in docs/proofs.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from datetime import datetime, timezone
from typing import Any

FORMAT = "metering.evidence.v1"
ANCHOR_FORMAT = "metering.anchor.v1"
GENESIS = "0" * 64
DAY = 24 * 3600 * 1_000_000
SLOT = 600 * 1_000_000
FOREVER = 2**62
#: The order of buckets in statements and allowances.
BUCKETS = (
    *("input", "cached_read", "cache_write", "cache_write_long", "input_audio", "cached_audio"),
    *("input_image", "cached_image", "output", "reasoning", "output_audio", "output_image"),
    "quantity",
)
USAGE, HOLD, CORRECTION, OUTCOME, WITHDRAWAL = 1, 2, 3, 4, 5
EVIDENCE = ("held", "absent", "missing", "estimated", "recovered", "totals", "full", "aggregate")
ESTIMATED = 3
CHARGED_REFUSALS = {"content_filter", "responsibleaipolicyviolation", "context_length_exceeded"}
NEVER_PROCESSED = {401, 403, 404, 429}
OUTCOME_TYPE = "business.outcome.v1"
CHANNELS = ("microsoft", "marketplace", None)
CHARGED = {"usage", "allowance", "tier", "package", "request_fee", "base_fee", "minimum"}
#: Positions in the list of an entry's dimensions.
TYPE, SOURCE, STATUS, ERROR, CACHE = 0, 1, 3, 19, 22
#: Currencies whose smallest unit is not a hundredth (ISO 4217:2015).
DECIMALS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV".split(), 0),
    **dict.fromkeys("XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}

Doc = dict[str, Any]


class UnreadableError(Exception):
    """The file is no evidence file."""


# --- Numbers, hashes and times ---------------------------------------------------------------


def canonical(document: Any) -> bytes:
    """Return JSON as it is hashed: UTF-8, sorted keys, no white space."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(document: Doc) -> str:
    """Return the SHA-256 of a document without its own hash."""
    return hashlib.sha256(canonical({k: v for k, v in document.items() if k != "hash"})).hexdigest()


def whole(value: Any) -> int:
    """Return an integer, which is text where it is 2^53 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise UnreadableError(f"{value!r} is not a whole number")
    return int(value)


def fixed(text: str, decimals: int) -> int:
    """Return a decimal string as an integer of 10^-decimals."""
    head, _, tail = text.partition(".")
    return int(head + tail[:decimals].ljust(decimals, "0"))


def instant(text: str) -> int:
    """Return an RFC 3339 time in UTC as microseconds since 1970."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def rounded(amount: int, currency: str) -> int:
    """Return an amount to the smallest unit of its currency, half to even."""
    unit: int = 10 ** (18 - DECIMALS.get(currency, 2))
    parts, rest = divmod(amount, unit)
    if 2 * rest > unit or (2 * rest == unit and parts % 2):
        parts += 1
    return parts * unit


# --- Entries ---------------------------------------------------------------------------------


class State:
    """The state of one request in an entry."""

    def __init__(self, page: Doc, item: Doc, user: int) -> None:
        self.kind, self.evidence = item["kind"], item["evidence"]
        self.of: list[Any] = page["dimensions"][item["dimensions"]]
        self.rate: Doc = page["rates"][item["rate"]]
        self.buckets = {name: whole(n) for name, n in item["buckets"].items() if whole(n)}
        self.amount = None if item["amount"] is None else int(item["amount"])
        # Trailing nulls were not always written.
        said = list(self.of)
        while said and said[-1] is None:
            said.pop()
        user_name = page["end_users"][user]
        content = (self.kind, self.evidence, said, self.rate, self.buckets, self.amount, user_name)
        self.identity = hashlib.sha256(canonical(content)).digest()

    @property
    def is_usage(self) -> bool:
        """Say whether totals count it."""
        return self.kind in {USAGE, CORRECTION}

    @property
    def is_billable(self) -> bool:
        """Say whether the service processed the request."""
        status, error = self.of[STATUS], self._said(ERROR)
        if self._said(CACHE) == "hit":
            return False
        if 200 <= status < 300 or status == 408:
            return True
        if status == 400 and error is not None and error.lower() in CHARGED_REFUSALS:
            return True
        return self.evidence >= ESTIMATED and status not in NEVER_PROCESSED

    def _said(self, place: int) -> Any:
        return self.of[place] if place < len(self.of) else None

    def expected_amount(self) -> int | None:
        """Return tokens times unit prices; None while counts or price are unknown."""
        if not self.is_billable:
            return 0
        if self.evidence < ESTIMATED and self.kind != HOLD:
            return None
        return amount_of(self.rate, self.buckets)


def amount_of(rate: Doc, buckets: dict[str, int]) -> int | None:
    """Return the amount of counts under a rate; None without a price."""
    if rate["version"] is None:
        return None
    units, total = rate["units"], 0
    for name, count in buckets.items():
        if name not in units:
            return None
        total += count * int(units[name])
    return total


def wrong_with(state: State, superseded: State | None) -> str | None:
    """Return what is wrong with an entry by itself."""
    if state.kind == WITHDRAWAL:
        is_nothing = superseded is not None and not state.buckets and not state.amount
        return None if is_nothing else "is a withdrawal that takes nothing back"
    if min(state.buckets.values(), default=0) < 0:
        return "has negative tokens"
    if state.amount != state.expected_amount():
        return "has an amount that is not its tokens times its unit prices"
    if (state.kind == OUTCOME) != (state.of[TYPE] == OUTCOME_TYPE):
        return "is of a kind that its type does not have"
    if state.kind != OUTCOME and (state.kind == HOLD) != (state.evidence == 0):
        return "is of a kind that its evidence does not have"
    if state.kind == CORRECTION and superseded is None:
        return "corrects nothing"
    return None


class Totals:
    """The sums of one ledger by rate, as a charge is made of."""

    def __init__(self) -> None:
        self.lines: dict[bytes, Doc] = {}
        self.provenance: Counter[str] = Counter()
        self.from_cache = 0

    def add(self, state: State, sign: int) -> None:
        """Add a state, or take it away."""
        if not state.is_usage:
            return
        new = {"rate": state.rate, "requests": 0, "not_billable": 0, "tokens": Counter()}
        line = self.lines.setdefault(canonical(state.rate), new)
        line["requests"] += sign
        line["not_billable"] += sign * (not state.is_billable)
        for name, count in state.buckets.items():
            line["tokens"][name] += sign * count
        self.provenance[EVIDENCE[state.evidence]] += sign
        self.from_cache += sign * (len(state.of) > CACHE and state.of[CACHE] == "hit")

    def copy(self) -> Totals:
        """Return a copy."""
        made = Totals()
        made.lines = {
            key: {**line, "tokens": Counter(line["tokens"])} for key, line in self.lines.items()
        }
        made.provenance, made.from_cache = Counter(self.provenance), self.from_cache
        return made

    @property
    def in_use(self) -> list[Doc]:
        """The lines that corrections have not taken away whole."""
        return [
            line for line in self.lines.values() if line["requests"] or any(line["tokens"].values())
        ]


class Ledger:
    """One ledger, checked page by page."""

    def __init__(self, header: Doc, wanted: set[int]) -> None:
        self.name: str = header["ledger"]
        self.period: Doc = header["period"]
        self.faults: list[str] = []
        self.pages = 0
        self.hashes: dict[int, str] = {0: GENESIS}
        self.at: dict[int, Totals] = {0: Totals()}
        """The totals through each wanted page."""
        self.spends_at: dict[int, list[tuple[int, list[str], str | None, int]]] = {0: []}
        self._wanted = wanted
        self._totals = Totals()
        self._committed = 0
        self._active: dict[tuple[str, str, str], list[tuple[int, int, bytes]]] = {}
        self._latest: dict[tuple[str, str, str], tuple[int, str | None, int]] = {}

    def add(self, page: Doc) -> None:
        """Check the next page and add it up."""
        number, place = page["number"], f"{self.name}: page {page['number']}"
        page = {**page, "columns": dict(page["columns"])}
        page["columns"]["buckets"] = {
            name: [whole(one) for one in column]
            for name, column in page["columns"]["buckets"].items()
        }
        page["supersedes"] = [
            {**item, "buckets": {name: whole(one) for name, one in item["buckets"].items()}}
            for item in page["supersedes"]
        ]
        if number != self.pages + 1 or page["previous"] != self.hashes[self.pages]:
            self.faults.append(f"{place} does not follow page {self.pages}")
        if digest(page) != page["hash"] or page["ledger"] != self.name:
            self.faults.append(f"{place} does not match its hash")
        # A page that sets a wrong clock right says so: it carries the open holds.
        is_set_right = "holds" in (page["limits"] or {})
        if page["committed"] < self._committed and not is_set_right:
            self.faults.append(f"{place} was committed before the page before it")
        self.pages, self._committed = number, page["committed"]
        self.hashes[number] = page["hash"]
        self._add_entries(page, place)
        if number in self._wanted:
            self.at[number] = self._totals.copy()
            self.spends_at[number] = sorted(
                (time, list(key), channel, amount)
                for key, (time, channel, amount) in self._latest.items()
                if amount
            )

    def _add_entries(self, page: Doc, place: str) -> None:
        columns, superseded = page["columns"], {}
        for item in page["supersedes"]:
            superseded[item["row"]] = (item["of"], State(page, item, item["end_user"]))
        for row, id_ in enumerate(columns["id"]):
            names = ("kind", "evidence", "dimensions", "rate", "amount")
            buckets = {name: column[row] for name, column in columns["buckets"].items()}
            item = {**{name: columns[name][row] for name in names}, "buckets": buckets}
            state = State(page, item, columns["end_user"][row])
            of, before = superseded.get(row, (None, None))
            here = f"{place} row {row}: id {id_!r}"
            time = columns["time"][row] + page["slot"] * SLOT
            if time // SLOT != page["slot"]:
                self.faults.append(f"{here} has a time outside the page's slot")
            if not self.period["start"] <= time < self.period["end"]:
                self.faults.append(f"{here} has a time outside the period")
            reason = wrong_with(state, before)
            if reason:
                self.faults.append(f"{here} {reason}")
            key = (state.of[TYPE], state.of[SOURCE], id_)
            self._count(key, state, (page["number"], row), of, before, here)
            if state.kind in {HOLD, OUTCOME}:
                self._latest.pop(key, None)
            elif state.kind != WITHDRAWAL or not self._active[key]:
                channel = state.rate["channel"]
                channel = channel if channel in CHANNELS else None
                self._latest[key] = (time, channel, state.amount or 0)

    def _count(
        self,
        key: tuple[str, str, str],
        state: State,
        at: tuple[int, int],
        of: list[int] | None,
        before: State | None,
        here: str,
    ) -> None:
        active = self._active.setdefault(key, [])
        if before is not None and of is not None:
            taken = (of[0], of[1], before.identity)
            if taken not in active:
                self.faults.append(f"{here} supersedes what is not there")
            else:
                active.remove(taken)
            self._totals.add(before, -1)
        if state.kind != WITHDRAWAL:
            active.append((*at, state.identity))
            self._totals.add(state, 1)

    def finish(self) -> None:
        """Name the ids that count more than once when all is read."""
        for key, active in self._active.items():
            for page, row, _ in active[1:]:
                reason = f"id {key[2]!r} counts again (first on page {active[0][0]})"
                self.faults.append(f"{self.name}: page {page} row {row}: {reason}")


# --- Plans and charges -----------------------------------------------------------------------


class Terms:
    """The plans, prices and grants in the registry records of a tenant."""

    def __init__(self, records: list[Doc], tenant: str) -> None:
        self._records = sorted(records, key=lambda one: one["number"])
        self._tenant = tenant

    def _dated(self, kind: str, key: str) -> list[tuple[int, str]]:
        found = [
            (whole(one["effective"]), one["value"])
            for one in self._records
            if one["kind"] == kind and one["key"] == key
        ]
        return sorted(found, key=lambda one: one[0])

    def plan_at(self, at: int) -> Doc:
        """Return the plan in force at an instant."""
        moves = [value for start, value in self._dated("tenant_plan", self._tenant) if start <= at]
        name = moves[-1] if moves else "default"
        built_in = [(0, json.dumps({"id": "default"}))] if name == "default" else []
        versions = sorted([*built_in, *self._dated("plan", name)], key=lambda one: one[0])
        if not versions:
            raise UnreadableError(f"the plan {name!r} is missing from the file")
        in_force = [value for start, value in versions if start <= at]
        found: Doc = json.loads(in_force[-1] if in_force else versions[0][1])
        return found

    def adjustments(self, start: int, end: int) -> list[Doc]:
        """Return the adjustments made in a period."""
        return [
            json.loads(one["value"])
            for one in self._records
            if one["kind"] == "adjustment"
            and one["key"] == self._tenant
            and start <= whole(one["effective"]) < end
        ]

    def grants(self, currency: str, start: int, end: int) -> list[Doc]:
        """Return the grants that pay at some time of a period, in the order in which they pay."""
        grants: dict[str, Doc] = {}
        for one in self._records:
            if one["kind"] == "grant" and one["key"] == self._tenant:
                grant = json.loads(one["value"])
                expiry = grant.get("expiry")
                grant["expiry"] = FOREVER if expiry is None else expiry
                grants[grant["id"]] = {**grant, "end": grant["expiry"]}
            elif one["kind"] == "revocation" and one["key"] == self._tenant:
                grant = grants[json.loads(one["value"])["id"]]
                grant["end"] = min(grant["end"], whole(one["effective"]))
        paying = [
            grant
            for grant in grants.values()
            if grant["currency"] == currency and grant["start"] < end and start < grant["end"]
        ]
        return sorted(
            paying,
            key=lambda one: (one.get("priority", 0), one["expiry"], one["start"], one["id"]),
        )


def covers(term: Doc, model: str | None, bucket: str) -> bool:
    """Say whether one of the meters of a term means a model's usage in a bucket."""
    return any(
        meter.get("model") in {None, model} and meter.get("bucket") in {None, bucket}
        for meter in term["meters"]
    )


def line_of(kind: str, quantity: int, price: int, **more: Any) -> Doc:
    """Return a line whose amount is quantity times unit price."""
    return {"kind": kind, "quantity": quantity, "unit_price": price, **more}


class Charging:
    """Makes the lines of a charge from the totals of a ledger and a plan."""

    def __init__(self, totals: Totals, plan: Doc) -> None:
        self._totals = totals
        self._plan = plan
        self._tiers, self._packages = plan.get("tiers", []), plan.get("packages", [])
        used = self._quantities()
        self._left = {key: n for key, n in used.items() if not key[5]}
        usage = [
            self._named("usage", key, n)
            for key, n in used.items()
            if key[5] or not self._replaces(key)
        ]
        free = [line for n in range(len(self._allowances)) for line in self._free_tokens(n)]
        replaced = [*self._in_tiers(), *self._in_packages()]
        free += self._free_money(total_of([*usage, *free, *replaced]))
        self.lines = [*usage, *free, *replaced, *self._fees()]
        short = fixed(plan.get("minimum", "0"), 18) - total_of(self.lines)
        if short > 0:
            self.lines.append(line_of("minimum", 1, short, term="minimum", unit="period"))

    @property
    def _allowances(self) -> list[Doc]:
        found: list[Doc] = self._plan.get("allowance", [])
        return found

    def _quantities(self) -> dict[tuple[Any, ...], int]:
        found: dict[tuple[Any, ...], int] = {}
        for line in self._totals.in_use:
            rate = line["rate"]
            if rate["version"] is None:
                continue
            for bucket in BUCKETS:
                count, unit = line["tokens"][bucket], rate["units"].get(bucket)
                if count and unit is not None:
                    provisioned = rate["weights"] is not None
                    place = (rate["model"], bucket, int(unit), rate["unit"], rate["channel"])
                    key = (*place, provisioned)
                    found[key] = found.get(key, 0) + count
        return {key: found[key] for key in sorted(found, key=in_order)}

    def _replaces(self, key: tuple[Any, ...]) -> bool:
        return any(covers(term, key[0], key[1]) for term in [*self._tiers, *self._packages])

    @staticmethod
    def _named(kind: str, key: tuple[Any, ...], quantity: int, **more: Any) -> Doc:
        model, bucket, price, unit, channel, _ = key
        more = {"unit_price": price, **more}
        price = more.pop("unit_price")
        return line_of(
            kind, quantity, price, model=model, bucket=bucket, unit=unit, channel=channel, **more
        )

    def _free_tokens(self, number: int) -> list[Doc]:
        allowance = self._allowances[number]
        free, found = allowance.get("tokens") or 0, []
        tokens = [key for key in self._left if key[3] == "token"]
        meters = allowance.get("meters")
        if meters is not None:
            tokens = [
                key
                for meter in meters
                for key in tokens
                if covers({"meters": [meter]}, key[0], key[1])
            ]
        for key in tokens:
            taken = min(free, self._left[key])
            if taken:
                free -= taken
                self._left[key] -= taken
                worth = 0 if self._replaces(key) else key[2]
                term = f"allowance.{number}"
                found.append(self._named("allowance", key, -taken, term=term, unit_price=worth))
        return found

    def _covered(self, term: Doc) -> dict[str, int]:
        found: dict[str, int] = {}
        for key, count in self._left.items():
            if count and covers(term, key[0], key[1]):
                found[key[3]] = found.get(key[3], 0) + count
        return found

    def _in_tiers(self) -> list[Doc]:
        found = []
        for number, tier in enumerate(self._tiers):
            for unit, quantity in self._covered(tier).items():
                scale = 1 if unit == "token" else 10**6
                for step, part in steps_of(tier, quantity, scale):
                    price = fixed(tier["steps"][step]["price_per_million"], 6) * 10**6
                    term = f"tiers.{number}.steps.{step}"
                    found.append(line_of("tier", part, price, term=term, unit=unit, **only(tier)))
        return found

    def _in_packages(self) -> list[Doc]:
        found = []
        for number, package in enumerate(self._packages):
            for unit, quantity in self._covered(package).items():
                size = package["size"] * (1 if unit == "token" else 10**6)
                begun, price = -(-quantity // size), fixed(package["price"], 18)
                more = {"term": f"packages.{number}", "unit": "package", **only(package)}
                found.append(line_of("package", begun, price, **more))
        return found

    def _free_money(self, usage: int) -> list[Doc]:
        found = []
        for number, allowance in enumerate(self._allowances):
            taken = min(fixed(allowance.get("amount") or "0", 18), usage)
            if taken:
                usage -= taken
                term = f"allowance.{number}"
                found.append(line_of("allowance", 1, -taken, term=term, unit="period"))
        return found

    def _fees(self) -> list[Doc]:
        billable = sum(
            line["requests"] - line["not_billable"]
            for line in self._totals.in_use
            if line["rate"]["unit"] == "token"
        )
        fee, base = (fixed(self._plan.get(name, "0"), 18) for name in ("request_fee", "base_fee"))
        found = []
        if fee and billable:
            more = {"term": "request_fee", "unit": "request"}
            found.append(line_of("request_fee", billable, fee, **more))
        if base:
            found.append(line_of("base_fee", 1, base, term="base_fee", unit="period"))
        return found


def in_order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sort by model, unnamed first, then bucket, then the highest price first."""
    model, bucket, price, unit, channel, provisioned = key
    place = (model is not None, model or "", BUCKETS.index(bucket), -price)
    return (*place, unit, channel or "", provisioned)


def only(term: Doc) -> Doc:
    """Return model and bucket of a term that covers a single meter."""
    meters = term["meters"]
    return {} if len(meters) > 1 else {name: meters[0].get(name) for name in ("model", "bucket")}


def steps_of(tier: Doc, quantity: int, scale: int) -> list[tuple[int, int]]:
    """Return the steps of a tier that are reached, with the quantity in each."""
    ends = [None if one["up_to"] is None else one["up_to"] * scale for one in tier["steps"]]
    if tier["mode"] == "volume":
        reached = next(n for n, end in enumerate(ends) if end is None or quantity <= end)
        return [(reached, quantity)]
    found, below = [], 0
    for number, end in enumerate(ends):
        upto = quantity if end is None else min(quantity, end)
        if upto > below:
            found.append((number, upto - below))
            below = upto
    return found


def amount_in(line: Doc) -> int:
    """Return the amount of a line."""
    if "amount" in line:
        return int(line["amount"])
    quantity, price = line["quantity"], line["unit_price"]
    assert isinstance(quantity, int)
    assert isinstance(price, int)
    return quantity * price


def total_of(lines: list[Doc]) -> int:
    """Return the sum of lines."""
    return sum(map(amount_in, lines))


def difference(before: list[Doc], after: list[Doc]) -> list[Doc]:
    """Return the lines by which one charge exceeds another."""
    sums: dict[bytes, tuple[Doc, int]] = {}
    for lines, sign in ((before, -1), (after, 1)):
        for line in lines:
            of = {name: value for name, value in line.items() if name != "quantity"}
            known = sums.get(canonical(of), (of, 0))[1]
            sums[canonical(of)] = (of, known + sign * line["quantity"])
    return [{**of, "quantity": quantity} for of, quantity in sums.values() if quantity]


# --- Credit ----------------------------------------------------------------------------------


def by_channel(lines: list[Doc]) -> dict[str | None, int]:
    """Return the sum of lines by channel, at least zero in total."""
    found: dict[str | None, int] = dict.fromkeys(CHANNELS, 0)
    for line in lines:
        channel = line.get("channel")
        found[channel if channel in CHANNELS else None] += amount_in(line)
    free = sum(max(0, -amount) for amount in found.values())
    for channel in CHANNELS:
        due = max(0, found[channel])
        taken = min(free, due)
        free -= taken
        found[channel] = due - taken
    return found


def burnt_by(
    grants: list[Doc], settled: Counter[str], lines: list[Doc], spends: list[Any], last: int
) -> dict[str, int]:
    """Return what each grant pays: usage in order of time, the rest in the last instant."""
    left = {one["id"]: fixed(one["amount"], 18) - settled[one["id"]] for one in grants}
    spent: dict[str, int] = {}

    def take(some: list[Doc], time: int, channel: str | None, due: int) -> int:
        for grant in some:
            name, only_for = grant["id"], grant.get("channel")
            is_valid = grant["start"] <= time < grant["end"] and only_for in {None, channel}
            taken = min(due, left[name]) if is_valid else 0
            if taken:
                left[name] -= taken
                due -= taken
                spent[name] = spent.get(name, 0) + taken
        return due

    own = by_channel([line for line in lines if line["kind"] in CHARGED])
    total = by_channel(lines)
    usage = {channel: min(own[channel], due) for channel, due in total.items()}
    unused = dict(usage)
    for time, _, channel, amount in spends:
        taken = min(amount, unused[channel])
        if taken:
            unused[channel] -= taken
            take(grants, time, channel, taken)
    due = {one: amount - usage[one] + unused[one] for one, amount in total.items()}
    for is_narrow in (True, False):
        some = [one for one in grants if (one.get("channel") is not None) is is_narrow]
        due = {channel: take(some, last, channel, rest) for channel, rest in due.items()}
    return spent


# --- The statement ---------------------------------------------------------------------------


class Bill:
    """Derives the last statement again."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.statement = evidence.statements[-1]
        self.previous: Doc = evidence.statements[-2] if len(evidence.statements) > 1 else {}
        self.terms = Terms(evidence.records, evidence.tenant)
        self.plan = self.terms.plan_at(instant(self.statement["ledger"].partition("|")[2]))
        self.currency: str = self.plan.get("currency", "USD")
        self.versions: set[str] = set()

    def faults(self) -> list[str]:
        """Return the parts of the statement that its pages and records do not give."""
        period, ledger = self.statement["period"], self._ledger(self.statement["ledger"])
        page = self.statement["billed"][self.statement["ledger"]][0]
        totals = self._totals(ledger, page)
        given = [shown(line) for line in self.statement["lines"]]
        shares = [line for line in given if line["kind"] == "ptu_share"]
        self._note_versions(totals)
        lines = [*Charging(totals, self.plan).lines, *shares, *self._corrections()]
        lines += self._adjustments(period)
        carried = {name: int(amount) for name, amount in self.previous.get("carried", {}).items()}
        over = carried.pop(self.currency, 0)
        if over:
            lines.append({"kind": "carried_over", "amount": -over})
        burnt = self._burnt(lines, ledger, page)
        for name, amount in sorted(burnt.items()):
            lines.append({"kind": "credit", "amount": -amount, "reference": name})
        rest = -total_of(lines)
        if rest > 0:
            carried[self.currency] = rest
            lines.append({"kind": "carried_forward", "amount": rest})
        derived = {
            "lines": as_lines(lines, self.currency),
            "plan": self.plan["id"],
            "currency": self.currency,
            "burnt": {name: str(amount) for name, amount in burnt.items()},
            "carried": {name: str(amount) for name, amount in carried.items()},
            "price_versions": sorted(self.versions),
            "provenance": {name: n for name, n in totals.provenance.items() if n},
            "from_cache": totals.from_cache,
        }
        said = {**self.statement, "lines": sorted(given, key=canonical)}
        said.setdefault("from_cache", 0)
        name = f"statement of {period['name']}"
        return [
            f"{name}: its {part} is not what its pages and records give"
            for part, value in derived.items()
            if said[part] != value
        ]

    def _ledger(self, name: str) -> Ledger:
        found = self.evidence.ledgers.get(name)
        if found is None:
            raise UnreadableError(f"the pages of {name} are missing from the file")
        return found

    @staticmethod
    def _totals(ledger: Ledger, page: int) -> Totals:
        if page not in ledger.at:
            raise UnreadableError(f"{ledger.name}: page {page} is missing from the file")
        return ledger.at[page]

    def _note_versions(self, totals: Totals) -> None:
        versions = (line["rate"]["version"] for line in totals.in_use)
        self.versions.update(version for version in versions if version is not None)

    def _corrections(self) -> list[Doc]:
        found: list[Doc] = []
        closed = {one["ledger"] for one in self.evidence.statements}
        before = self.previous.get("billed", {})
        for name, (page, _) in self.statement["billed"].items():
            since = before.get(name, [0, GENESIS])[0]
            if name == self.statement["ledger"] or page == since:
                continue
            ledger, plan = self._ledger(name), self.terms.plan_at(instant(name.partition("|")[2]))
            charges = []
            for number in (since, page):
                lines = Charging(self._totals(ledger, number), plan).lines
                # A minimum that was never billed is not refunded.
                kept = [one for one in lines if name in closed or one["kind"] != "minimum"]
                charges.append(kept)
            self._note_versions(self._totals(ledger, page))
            more = {"kind": "correction", "charge_period": ledger.period["name"]}
            for line in difference(*charges):
                found.append({**line, "corrects": line["kind"], **more})
        return found

    def _adjustments(self, period: Doc) -> list[Doc]:
        return [
            {
                "kind": "adjustment",
                "amount": fixed(one["amount"], 18),
                "charge_period": one.get("charge_period"),
                "reference": one["id"],
                "reason": one["reason"],
                "author": one["author"],
            }
            for one in self.terms.adjustments(period["start"], period["end"])
        ]

    def _burnt(self, lines: list[Doc], ledger: Ledger, page: int) -> dict[str, int]:
        period = self.statement["period"]
        grants = self.terms.grants(self.currency, period["start"], period["end"])
        settled: Counter[str] = Counter()
        for one in self.evidence.statements[:-1]:
            settled.update({name: int(amount) for name, amount in one["burnt"].items()})
        spends = ledger.spends_at[page]
        return burnt_by(grants, settled, lines, spends, period["end"] - 1)


def shown(line: Doc) -> Doc:
    """Return a line of a statement as it is compared."""
    quantity = {"quantity": whole(line["quantity"])} if "quantity" in line else {}
    return {**line, **quantity}


def as_lines(lines: list[Doc], currency: str) -> list[Doc]:
    """Return lines as a statement has them, rounded and with the line of the rounding."""
    made = []
    for line in lines:
        amount = amount_in(line)
        parts = {name: value for name, value in line.items() if value is not None}
        texts = {"amount": str(amount), "rounded": str(rounded(amount, currency))}
        if "unit_price" in parts:
            texts["unit_price"] = str(parts["unit_price"])
        made.append({**parts, **texts})
    exact, total = total_of(lines), rounded(total_of(lines), currency)
    rest = total - sum(int(line["rounded"]) for line in made)
    if total - exact or rest:
        made.append({"kind": "rounding", "amount": str(total - exact), "rounded": str(rest)})
    return sorted(made, key=canonical)


def statement_chain(statements: list[Doc], tenant: str) -> list[str]:
    """Return the faults of the chain of a tenant's statements."""
    faults, previous = [], GENESIS
    for number, one in enumerate(statements, start=1):
        name = f"statement of {one['period']['name']}"
        lines = [shown(line) for line in one["lines"]]
        if digest({**one, "lines": lines}) != one["hash"] or one["tenant"] != tenant:
            faults.append(f"{name}: does not match its hash")
        if (one["number"], one["previous"]) != (number, previous):
            faults.append(f"{name}: does not follow the statement before it")
        previous = one["hash"]
    return faults


# --- Invoices, credit notes, voids and reissues ----------------------------------------------


class Documents:
    """The numbered documents of a tenant, each checked against those before it."""

    def __init__(self, documents: list[Doc], statements: list[Doc], tenant: str) -> None:
        self._statements = {one["ledger"]: one for one in statements}
        self._tenant = tenant
        self._before: list[Doc] = []
        self.faults: list[str] = []
        for one in documents:
            self.faults += [f"document {number_of(one)}: {fault}" for fault in self._wrong(one)]
            self._before.append(one)

    def _wrong(self, one: Doc) -> list[str]:
        faults = []
        if digest(one) != one["hash"] or one["ledger"].partition("|")[0] != self._tenant:
            faults.append("does not match its hash")
        if one["position"] != len(self._before) + 1 or not self._follows(one):
            faults.append("does not follow the document before it")
        statement = self._statements.get(one["ledger"])
        if statement is not None:
            names = (statement["number"], statement["hash"], statement["period"]["name"])
            if names != (one["statement"], one["statement_hash"], one["period"]):
                faults.append("is about another statement")
        wrong = self._void(one) if one["kind"] == "void" else self._drawn_up(one, statement)
        return [*faults, *wrong]

    def _follows(self, one: Doc) -> bool:
        series = [known for known in self._before if known["series"] == one["series"]]
        last: Doc = series[-1] if series else {"sequence": 0, "hash": GENESIS}
        if one["sequence"] == last["sequence"] + 1:
            return bool(one["previous"] == last["hash"])
        # Those in between are of other tenants.
        return bool(one["sequence"] > last["sequence"])

    @property
    def _live(self) -> dict[tuple[str, str], Doc]:
        """The documents in force by ledger and part."""
        found: dict[tuple[str, str], Doc] = {}
        for one in self._before:
            about = one["ledger"], one["part"]
            if one["kind"] == "void":
                found.pop(about, None)
            else:
                found[about] = one
        return found

    def _referred(self, one: Doc) -> Doc | None:
        return next((known for known in self._before if number_of(known) == one["refers"]), None)

    def _balance(self, currency: str) -> int:
        return sum(
            gross_of(one) - int(one["payable"])
            for one in self._before
            if one["currency"] == currency
        )

    def _void(self, one: Doc) -> list[str]:
        of = self._referred(one)
        if of is None or self._live.get((of["ledger"], of["part"])) is not of:
            return ["voids nothing that is in force"]
        expected = {
            **of,
            "net": str(-int(of["net"])),
            "taxes": [
                [name, rate, str(-int(base)), str(-int(amount))]
                for name, rate, base, amount in of["taxes"]
            ],
            "payable": str(-int(of["payable"])),
            "brought": str(self._balance(of["currency"])),
            "due": one["issued"],
        }
        own = {"series", "sequence", "position", "kind", "refers", "issued", "reason", "author"}
        own |= {"previous", "hash"}
        is_same = all(one[name] == value for name, value in expected.items() if name not in own)
        return [] if is_same else ["is not what it voids, with the opposite sign"]

    def _drawn_up(self, one: Doc, statement: Doc | None) -> list[str]:
        """Return the faults of a document that states lines; of a later period only its sums."""
        faults = self._references(one, statement)
        net = int(one["net"])
        amounts = [net] if statement is None else self._amounts(one, statement)
        if sum(amounts) != net:
            faults.append("its net is not that of its lines")
        elif statement is not None or one["terms"]["tax_rounding"] == "document":
            taxes = [] if one["customer"]["reverse_charge"] else one["terms"]["taxes"]
            by_line = one["terms"]["tax_rounding"] == "line"
            bases = amounts if by_line else [net]
            expected = [
                [name, rate, str(net), str(sum(tax_on(base, rate, one) for base in bases))]
                for name, rate in taxes
            ]
            if one["taxes"] != expected:
                faults.append("its taxes are not those of its terms")
        brought = self._balance(one["currency"])
        if int(one["brought"]) != brought:
            faults.append("brings another balance than the documents before it left")
        if int(one["payable"]) != max(0, gross_of(one) + brought):
            faults.append("what is payable is not its gross and the balance")
        if one["due"] != one["issued"] + one["terms"]["payment_days"] * DAY:
            faults.append("is due on another day than its terms say")
        return faults

    def _parts(self, ledger: str) -> set[str]:
        return {one["part"] for one in self._before if one["ledger"] == ledger}

    def _references(self, one: Doc, statement: Doc | None) -> list[str]:
        of, part = self._referred(one), one["part"]
        if one["kind"] == "reissue":
            is_taken = any(known["refers"] == one["refers"] for known in self._before)
            about = ("ledger", "part", "currency", "period", "statement", "statement_hash")
            if of is None or of["kind"] != "void" or is_taken:
                return ["replaces nothing that was voided"]
            is_same = all(one[name] == of[name] for name in about)
            return [] if is_same else ["is about something else than what it replaces"]
        faults = []
        have = self._parts(one["ledger"])
        if part in have or "" in have:
            faults.append("is about what another document has")
        if (one["kind"] == "credit_note") != (int(one["net"]) < 0):
            faults.append("is of a kind that its net does not have")
        if statement is not None and one["currency"] != statement["currency"]:
            faults.append("is in another currency than its statement")
        credited = {
            known["period"]: number_of(known)
            for (_, of_part), known in self._live.items()
            if not of_part and known["currency"] == one["currency"]
        }
        if one["refers"] != (credited.get(part, "") if part else ""):
            faults.append("refers to another document than the one that it credits")
        if part and (part not in credited or int(one["net"]) >= 0):
            faults.append("credits a period that has no invoice, or nothing")
        return faults

    def _amounts(self, one: Doc, statement: Doc) -> list[int]:
        part, others = one["part"], self._parts(one["ledger"]) - {one["part"]}
        found = []
        for line in statement["lines"]:
            own = part_of(line, statement)
            is_meant = own == part if part else own not in others
            if is_meant and line["kind"] not in {"carried_over", "carried_forward"}:
                found.append(int(line["rounded"]))
        return found


def number_of(document: Doc) -> str:
    """Return the number of a document as on paper."""
    return f"{document['series']}{document['sequence']:06d}"


def gross_of(document: Doc) -> int:
    """Return the net of a document and its taxes."""
    return int(document["net"]) + sum(int(amount) for *_, amount in document["taxes"])


def part_of(line: Doc, statement: Doc) -> str:
    """Return the earlier period that a line changes; empty for any other line."""
    period = line.get("charge_period")
    is_own = period in {None, statement["period"]["name"]}
    return "" if is_own or line["kind"] not in {"correction", "adjustment"} else str(period)


def tax_on(base: int, rate: int, document: Doc) -> int:
    """Return a tax on an amount; rates are in millionths."""
    return rounded(base * rate // 1_000_000, document["currency"])


# --- Anchors ---------------------------------------------------------------------------------


def root_from(leaf: bytes, position: int, size: int, path: list[str]) -> str | None:
    """Return the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    if not 0 <= position < size:
        return None
    found = hashlib.sha256(b"\x00" + leaf).digest()
    last, left = size - 1, [bytes.fromhex(one) for one in path]
    while last:
        if position & 1 or position < last:
            if not left:
                return None
            sibling = left.pop(0)
            pair = sibling + found if position & 1 else found + sibling
            found = hashlib.sha256(b"\x01" + pair).digest()
        position, last = position >> 1, last >> 1
    return None if left else found.hex()


class Inclusions:
    """The result of checking the inclusion proofs of a file against one anchor."""

    def __init__(self, proofs: list[Doc], anchor: Doc) -> None:
        self.faults: list[str] = []
        self._leaves: dict[tuple[str, str, int], str] = {}
        self._proven: set[tuple[str, str, int]] = set()
        for proof in proofs:
            leaf = proof["leaf"]
            about = (leaf["kind"], leaf["name"], leaf["number"])
            size, path = anchor["leaves"], proof["path"]
            if root_from(canonical(leaf), proof["position"], size, path) == anchor["root"]:
                self._leaves[about] = leaf["hash"]
            else:
                name = f"{leaf['kind']} {leaf['name']} {leaf['number']}"
                self.faults.append(f"{name}: its proof does not lead to the root of the anchor")

    def prove(self, kind: str, name: str, number: int, found: str) -> None:
        """Require that the anchor has a statement, document or record with this hash."""
        self._proven.add((kind, name, number))
        anchored = self._leaves.get((kind, name, number))
        if anchored is None:
            self.faults.append(f"{kind} {name} {number}: is not in the anchor")
        elif anchored != found:
            self.faults.append(f"{kind} {name} {number}: is not the one in the anchor")

    def prove_ledger(self, ledger: Ledger, billed: int) -> None:
        """Require that the anchor has a ledger through what was billed of it."""
        numbers = [at for kind, name, at in self._leaves if (kind, name) == ("ledger", ledger.name)]
        through = max(numbers, default=0)
        if through < billed:
            self.faults.append(f"{ledger.name}: its pages after {through} are not in the anchor")
        for number in numbers:
            self._proven.add(("ledger", ledger.name, number))
            anchored = self._leaves["ledger", ledger.name, number]
            if ledger.hashes.get(number) != anchored:
                self.faults.append(f"{ledger.name}: page {number} is not the one in the anchor")

    def name_the_rest(self) -> None:
        """Name what the anchor has and the file leaves out, though it proves that it was there."""
        for kind, name, number in sorted(self._leaves.keys() - self._proven):
            self.faults.append(f"{kind} {name} {number}: is in the anchor and not in the file")


# --- The file --------------------------------------------------------------------------------


class Evidence:
    """An evidence file, read line by line."""

    def __init__(self, path: str) -> None:
        self.header: Doc = {}
        self.records: list[Doc] = []
        self.statements: list[Doc] = []
        self.documents: list[Doc] = []
        self.ledgers: dict[str, Ledger] = {}
        self.proofs: list[Doc] = []
        self._lists = {
            "record": self.records,
            "statement": self.statements,
            "document": self.documents,
            "inclusion": self.proofs,
        }
        self.anchor: Doc | None = None
        self._current: Ledger | None = None
        lines, is_whole = 0, False
        with open(path, encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                if is_whole or not isinstance(line, dict):
                    raise UnreadableError("has lines that do not belong there")
                is_whole = "end" in line
                if is_whole and line["end"]["lines"] != lines:
                    raise UnreadableError("is not whole: lines are missing")
                self._take(line)
                lines += 1
        if not is_whole:
            raise UnreadableError("is not whole: its last line is missing")
        for ledger in self.ledgers.values():
            ledger.finish()

    @property
    def tenant(self) -> str:
        """The tenant whose evidence it is."""
        return str(self.header["tenant"])

    def _take(self, line: Doc) -> None:
        if not self.header:
            if line.get("format") != FORMAT:
                raise UnreadableError(f"is not in the format {FORMAT}")
            self.header = line
        elif "ledger" in line:
            name = line["ledger"]
            if name.partition("|")[0] != self.tenant or name in self.ledgers:
                raise UnreadableError(f"has a ledger {name} that does not belong there")
            self._current = self.ledgers[name] = Ledger(line, self._wanted(name))
        elif "page" in line and self._current is not None:
            self._current.add(line["page"])
        elif "anchor" in line:
            self.anchor = line["anchor"]
        else:
            for name, found in self._lists.items():
                if name in line:
                    found.append(line[name])

    def _wanted(self, name: str) -> set[int]:
        return {one["billed"][name][0] for one in self.statements[-2:] if name in one["billed"]}

    def faults(self, anchor: Doc | None) -> list[str]:
        """Return everything that is wrong; with an anchor, what it does not prove too."""
        faults = [fault for one in self.ledgers.values() for fault in one.faults]
        faults += [
            f"{one.name}: is not of the period that it begins with"
            for one in self.ledgers.values()
            if instant(one.name.partition("|")[2]) != one.period["start"]
        ]
        faults += statement_chain(self.statements, self.tenant)
        faults += Documents(self.documents, self.statements, self.tenant).faults
        if self.header["is_closed"] != self._has_statement():
            faults.append("the statement of the period is missing")
        elif self._has_statement():
            faults += self._positions()
            faults += Bill(self).faults()
        if anchor is not None:
            faults += self._not_anchored(anchor)
        return faults

    def _has_statement(self) -> bool:
        period = self.header["period"]
        return bool(self.statements) and self.statements[-1]["period"] == period

    def _positions(self) -> list[str]:
        return [
            f"{name}: page {page} is not the one that the statement of {one['period']['name']} has"
            for one in self.statements
            for name, (page, found) in one["billed"].items()
            if name in self.ledgers and self.ledgers[name].hashes.get(page) != found
        ]

    def _not_anchored(self, anchor: Doc) -> list[str]:
        if self.anchor is None:
            return ["the file has no proofs of inclusion in an anchor"]
        if self.anchor != anchor:
            return ["its proofs are of another anchor than the one that was given"]
        found = Inclusions(self.proofs, anchor)
        for record in self.records:
            number = record["number"]
            found.prove("record", "registry", number, digest(record))
        for one in self.statements:
            found.prove("statement", one["ledger"], one["number"], one["hash"])
        for one in self.documents:
            name = f"{self.tenant}|{number_of(one)}"
            found.prove("document", name, one["position"], one["hash"])
        billed = self.statements[-1]["billed"] if self._has_statement() else {}
        for name, ledger in self.ledgers.items():
            found.prove_ledger(ledger, billed.get(name, [0])[0])
        found.name_the_rest()
        return found.faults


def read_anchor(path: str) -> Doc:
    """Return an anchor that was received from elsewhere."""
    with open(path, encoding="utf-8") as file:
        anchor: Doc = json.load(file)
    if anchor.get("format") != ANCHOR_FORMAT:
        raise UnreadableError(f"{path} is not in the format {ANCHOR_FORMAT}")
    return anchor


def plural(number: int, noun: str) -> str:
    """Return a number of things: `1 page`, `2 pages`."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def main() -> int:
    """Check a file; return the exit status."""
    parser = argparse.ArgumentParser(description="Check an evidence file of metering.")
    parser.add_argument("file", help="the evidence file")
    parser.add_argument("--anchor", help="an anchor.json that was received from elsewhere")
    given = parser.parse_args()
    try:
        evidence = Evidence(given.file)
        anchor = None if given.anchor is None else read_anchor(given.anchor)
        faults = evidence.faults(anchor)
    except (UnreadableError, OSError) as error:
        print(f"error: {given.file}: {error}", file=sys.stderr)
        return 2
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        print(f"error: {given.file}: cannot be read: {error!r}", file=sys.stderr)
        return 2
    for fault in faults:
        print(f"FAULT {fault}")
    pages = sum(one.pages for one in evidence.ledgers.values())
    period = evidence.header["period"]["name"]
    verdict = "does not hold" if faults else "holds"
    found = f"{plural(pages, 'page')}, {plural(len(faults), 'fault')}"
    print(f"{evidence.tenant} {period}: {verdict} ({found})")
    if anchor is None:
        print(
            "Without --anchor this shows that the file fits together, not that it is the original."
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
