"""Scopes: the requests that a quota covers, by their attributes."""

from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, model_serializer, model_validator

from metering.core.basics.validation import Strict
from metering.core.plans.terms import ModelName

_ALL: Final = "all"
#: In the place of a value: the quota has one counter for each value that requests name.
EACH: Final = "*"


class Attributes(NamedTuple):
    """The attributes of a request that scopes name. None: not known; empty: the request has none.

    `subscription` is the subject: a subscription, or `app:<client id>`.
    """

    model: str | None = None
    product: str | None = None
    use_case: str | None = None
    end_user: str | None = None
    subscription: str | None = None
    agent: str | None = None
    session: str | None = None
    requested_model: str | None = None
    """The name the client asks for, in lower case: a model, a deployment or an alias."""


UNKNOWN: Final = Attributes()

type Values = tuple[str, ...]
"""The values of the attributes by which a quota is split, in the order of `Attributes`."""


class Scope(Strict):
    """The requests a quota covers: all, or those with these values of one or more attributes.

    `model` is the model that serves, whatever was asked for; `requested_model` what was asked for.
    """

    model: ModelName | None = None
    product: ModelName | None = None
    use_case: ModelName | None = None
    end_user: ModelName | None = None
    subscription: ModelName | None = None
    agent: ModelName | None = None
    session: ModelName | None = None
    requested_model: Annotated[ModelName, AfterValidator(str.casefold)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_something(cls, written: object) -> object:
        if written == _ALL:
            return {}
        if not isinstance(written, dict) or not written or None in written.values():
            raise ValueError(f"write all, or one or more of {', '.join(Attributes._fields)}")
        return written

    @model_serializer
    def _as_written(self) -> str | dict[str, str]:
        return self.named or _ALL

    @property
    def named(self) -> dict[str, str]:
        """The values by attribute, of the attributes that the scope names."""
        return {name: value for name, value in self if value is not None}

    @property
    def split_by(self) -> tuple[str, ...]:
        """The attributes by which it is split: their value is `*`."""
        return tuple(name for name, value in self.named.items() if value == EACH)

    def of_one(self, values: Values) -> dict[str, str]:
        """Return the values of all attributes it names, for one counter with these `values`."""
        return self.named | dict(zip(self.split_by, values, strict=True))

    def label_of(self, values: Values) -> str:
        """Return the scope for people: ` of use case faq`, ` of each end user`; of all usage, "".

        `values`: of the attributes it is split by; empty for all of them.
        """
        split = () if values else self.split_by
        named = self.of_one(values) if values else self.named
        return "".join(
            f" of each {name.replace('_', ' ')}"
            if name in split
            else f" of {name.replace('_', ' ')} {value}"
            for name, value in named.items()
        )

    def values_in(self, of: Attributes) -> Values | None:
        """Return the values of the attributes it is split by; None if it does not cover `of`.

        A request without a value for a named attribute is not covered.
        """
        values: list[str] = []
        for name, wanted in self.named.items():
            value: str | None = getattr(of, name)
            if not value or wanted not in {EACH, value}:
                return None
            if wanted == EACH:
                values.append(value)
        return tuple(values)


EVERYTHING: Final = Scope.model_validate(_ALL)
