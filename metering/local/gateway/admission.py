"""Admission as the gateway's policies see it: a decision on a request.

The document is what `GET /api/admission/{subscription}` answers: a `verdict` (allow, downgrade,
block), in `models` those of single models, which come first, and in `rules` those of requests with
certain values. With a verdict may stand `to`, `reason`, `detail`, `metric`, `limit`,
`retry_after_s`, `remaining` and `resets_at`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from metering.core.basics.patterns import IDENTIFIER

type Document = Mapping[str, Any]
type Admission = Callable[[str, Mapping[str, str]], Awaitable[Document]]
"""Called with the subscription, and with the values of the request that the document asks for."""

_STRICTNESS: Final = ("allow", "downgrade", "block")
_NO_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType({})


async def admit_all(_subscription: str, _asked: Mapping[str, str]) -> Document:
    """Admit every request: there are no quotas."""
    return {"verdict": "allow"}


class Requested(NamedTuple):
    """The subject of a decision: a request to a model or deployment, with its attributes."""

    model: str
    attributes: Mapping[str, str] = _NO_ATTRIBUTES
    is_downgradable: bool = True
    is_anthropic: bool = False
    asked: str | None = None
    """The name the client asked for, if the request is about the model of a downgrade."""

    @property
    def asked_for(self) -> str:
        """The name the client asked for."""
        return self.asked or self.model


class Decision(NamedTuple):
    """The decision for one request. `to` is the deployment to use instead."""

    verdict: Literal["allow", "downgrade", "block"]
    to: str = ""
    rule: Document = MappingProxyType({})


async def document_for(
    admission: Admission, subscription: str, attributes: Mapping[str, str]
) -> Document:
    """Return the document of a subscription, its rules those of a request if it asks for that."""
    document = await admission(subscription, {})
    asked = document.get("ask")
    if not asked:
        return document
    own = await admission(subscription, {name: attributes.get(name, "") for name in asked})
    return {
        **document,
        **{name: own[name] for name in ("rules", "serves", "aliases", "closed") if name in own},
    }


def decide(document: Document, request: Requested) -> Decision:
    """Return the decision on a request: of all verdicts that apply, the strictest.

    Of equally strict ones, the last to reset decides. A downgrade that cannot be, because of the
    interface or of where it leads, blocks. A document that says nothing known lets the request
    through, as a gateway does that fails open.
    """
    models = {name.lower(): rule for name, rule in document.get("models", {}).items()}
    own = models.get(request.model.lower(), document)
    rule = max((own, *_rules(document, request)), key=_rank)
    verdict = rule.get("verdict", document.get("verdict"))
    if verdict == "downgrade":
        to = str(rule.get("to", ""))
        closed = () if rule is own else document.get("closed", {}).get(to, ())
        is_closed = request.model.lower() in {name.lower() for name in closed}
        open_ = not is_closed and _is_open(document, request, to, models)
        possible = open_ and _leads_somewhere(rule, request)
        return Decision("downgrade", to, rule) if possible else Decision("block", rule=rule)
    return Decision("block", rule=rule) if verdict == "block" else Decision("allow")


def _rank(rule: Document) -> tuple[int, bool, str]:
    verdict, resets = rule.get("verdict", "allow"), rule.get("resets_at")
    strictness = _STRICTNESS.index(verdict) if verdict in _STRICTNESS else 0
    # What never resets is the last to do so.
    return strictness, resets is None, str(resets or "")


def _rules(document: Document, request: Requested) -> Iterator[Document]:
    """Yield the rules that apply to a request."""
    serves = {name.lower(): model for name, model in document.get("serves", {}).items()}
    aliases = {name.lower(): models for name, models in document.get("aliases", {}).items()}
    name = request.model.lower()
    # Any of the models behind an alias may serve the request.
    served = {model.lower() for model in aliases.get(name, [serves.get(name, name)])}
    for rule in document.get("rules", ()):
        when = dict(rule["when"])
        model, asked = when.pop("model", None), when.pop("requested_model", None)
        to = str(rule.get("to") or "").lower()
        # The model that a downgrade leads to is not led away again.
        is_there = rule.get("verdict") == "downgrade" and {serves.get(to, to).lower()} == served
        of_model = model is None or model.lower() in served
        is_asked = asked is None or asked.lower() == request.asked_for.lower()
        if of_model and is_asked and not is_there and when.items() <= request.attributes.items():
            yield rule


def _leads_somewhere(rule: Document, request: Requested) -> bool:
    to, provider = str(rule.get("to", "")), rule.get("to_provider")
    return (
        request.is_downgradable
        and IDENTIFIER.fullmatch(to) is not None
        and to.lower() != request.model.lower()
        and (provider is None or (provider == "anthropic") == request.is_anthropic)
    )


def _is_open(
    document: Document, request: Requested, to: str, models: Mapping[str, Document]
) -> bool:
    applying = [*_rules(document, request._replace(model=to, asked=request.model))]
    own = models.get(to.lower())
    verdicts = [one.get("verdict") for one in (*applying, *([] if own is None else [own]))]
    return all(verdict == "allow" for verdict in verdicts)
