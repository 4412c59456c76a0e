"""OpenAI's moderations, which are free. A text is flagged for a few words of violence."""

from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.counting import inputs_of
from metering.local.gateway.models.draws import Draws
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid, texts_in

KIND: Final = "moderations"
USUAL_MODEL: Final = "omni-moderation-latest"
_MAX_INPUTS: Final = 1_000
_FLAGGED: Final = ("kill", "murder", "shoot", "stab")
_VIOLENT: Final = frozenset({"violence", "harassment/threatening"})
_CATEGORIES: Final = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit"),
    *("illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent"),
    *("sexual", "sexual/minors", "violence", "violence/graphic"),
)


def judged(body: Json, model: Model, request_id: str) -> Json:
    """Return what a model thinks of each input. Raises FieldInvalid."""
    results = [_result(text) for text in _inputs(body)]
    return {"id": f"modr-{request_id}", "model": model.served, "results": results}


def _inputs(body: Json) -> list[str]:
    """Return the inputs: each text is one, the parts of a message are one together."""
    given = body.get("input")
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_INPUTS:
        message = f"input must be a text or a list of at most {_MAX_INPUTS}."
        raise FieldInvalid("input", message)
    texts = [one for one in given if isinstance(one, str)]
    return texts if len(texts) == len(given) else [" ".join(texts_in(given, "input"))]


def _result(text: str) -> Json:
    draws = Draws(inputs_of([text]).digest)
    is_flagged = any(word in text.lower() for word in _FLAGGED)
    flags = {name: is_flagged and name in _VIOLENT for name in _CATEGORIES}
    scores = {
        name: round(draws.uniform(0.6, 0.99) if flag else draws.uniform(0, 0.05), 6)
        for name, flag in flags.items()
    }
    return {
        "flagged": is_flagged,
        "categories": flags,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
