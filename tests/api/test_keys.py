"""The issuer's keys: rotated, withdrawn, out of reach, and asked for by many at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from metering.adapters.sign_in.jwks import (
    COOL_DOWN_S,
    MAX_AGE_S,
    MAX_STALE_S,
    RETRY_S,
    TIMEOUT_S,
    IssuerKeys,
    KeyCache,
    Keys,
)
from metering.adapters.sign_in.tokens import BearerTokens
from metering.core.basics.errors import RetryableError
from metering.core.tenancy.access import NotSignedIn
from tests.api.issuer import AUDIENCE, TENANT, Issuer, public, rsa_key, running_issuer


class Time:
    def __init__(self) -> None:
        self.s = 1_000.0

    def now(self) -> float:
        return self.s


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as made:
        yield made


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def tokens(issuer: Issuer, time: Time) -> BearerTokens:
    cache = KeyCache(IssuerKeys(issuer.url).fetch, time.now)
    return BearerTokens(cache, issuer=issuer.url, audience=AUDIENCE, tenant=TENANT)


async def test_keys_are_fetched_once_however_many_ask_at_once(
    issuer: Issuer, tokens: BearerTokens
) -> None:
    issuer.delay_s = 0.05
    token = issuer.token()
    await asyncio.gather(*(tokens.verify(token) for _ in range(50)))
    assert issuer.fetches == 1


async def test_a_rotated_key_is_taken_at_its_first_token(
    issuer: Issuer, tokens: BearerTokens, time: Time
) -> None:
    await tokens.verify(issuer.token("one"))
    issuer.keys = ["one", "two"]
    time.s += COOL_DOWN_S
    await asyncio.gather(*(tokens.verify(issuer.token("two")) for _ in range(20)))
    await tokens.verify(issuer.token("one"))
    assert issuer.fetches == 2


async def test_made_up_key_ids_do_not_make_a_stampede(
    issuer: Issuer, tokens: BearerTokens, time: Time
) -> None:
    await tokens.verify(issuer.token("one"))
    time.s += COOL_DOWN_S
    for _ in range(3):
        made_up = [issuer.token("two") for _ in range(20)]
        refused = await asyncio.gather(
            *(tokens.verify(token) for token in made_up), return_exceptions=True
        )
        assert all(isinstance(one, NotSignedIn) for one in refused)
    assert issuer.fetches == 2
    await tokens.verify(issuer.token("one"))
    assert issuer.fetches == 2


async def test_a_withdrawn_key_goes_with_the_first_request_after_an_hour(
    issuer: Issuer, tokens: BearerTokens, time: Time
) -> None:
    await tokens.verify(issuer.token("one"))
    issuer.keys = ["two"]
    time.s += MAX_AGE_S
    await tokens.verify(issuer.token("one"))
    # A token of a key not known yet waits for the same fetch.
    await tokens.verify(issuer.token("two"))
    with pytest.raises(NotSignedIn, match="key"):
        await tokens.verify(issuer.token("one"))
    assert issuer.fetches == 2


async def test_a_hanging_issuer_delays_nobody_whose_key_is_known(
    issuer: Issuer, tokens: BearerTokens, time: Time
) -> None:
    token = issuer.token()
    await tokens.verify(token)
    issuer.hangs = asyncio.Event()
    time.s += MAX_AGE_S
    # The issuer answers only after these are through.
    await asyncio.gather(*(tokens.verify(token) for _ in range(8)))
    made_up = asyncio.create_task(tokens.verify(issuer.token("two")))
    await asyncio.gather(*(tokens.verify(token) for _ in range(8)))
    assert not made_up.done()
    issuer.hangs.set()
    with pytest.raises(NotSignedIn, match="unknown key"):
        await made_up
    assert issuer.fetches == 2


async def test_a_caller_that_goes_away_ends_no_fetch_that_another_waits_for(
    issuer: Issuer, tokens: BearerTokens
) -> None:
    issuer.hangs = asyncio.Event()
    first, second = (asyncio.create_task(tokens.verify(issuer.token())) for _ in range(2))
    await issuer.asked.wait()
    first.cancel()
    issuer.hangs.set()
    await second
    assert issuer.fetches == 1


async def test_an_issuer_that_hangs_from_the_start_is_waited_for_once_by_all(time: Time) -> None:
    fetches = 0

    async def hang() -> Keys:
        nonlocal fetches
        fetches += 1
        # As long as the adapter waits: the clock of the cache goes on meanwhile.
        time.s += TIMEOUT_S
        await asyncio.sleep(0)
        raise RetryableError("sign-in: the issuer's keys: TimeoutError")

    cache = KeyCache(hang, time.now)
    for _ in range(2):
        asked = await asyncio.gather(*(cache.key("one") for _ in range(8)), return_exceptions=True)
        assert all(isinstance(one, RetryableError) for one in asked)
    assert fetches == 1
    time.s += RETRY_S
    with pytest.raises(RetryableError):
        await cache.key("one")
    assert fetches == 2


async def test_an_issuer_out_of_reach_stops_nobody_whose_key_is_known_for_a_day(
    issuer: Issuer, tokens: BearerTokens, time: Time
) -> None:
    await tokens.verify(issuer.token())
    issuer.status = 500
    time.s += MAX_AGE_S
    await tokens.verify(issuer.token())
    time.s += MAX_STALE_S
    with pytest.raises(RetryableError, match="keys cannot be fetched"):
        await tokens.verify(issuer.token())


async def test_an_issuer_that_fails_is_asked_again_after_a_pause(
    issuer: Issuer, tokens: BearerTokens, time: Time
) -> None:
    issuer.status = 500
    for _ in range(5):
        with pytest.raises(RetryableError):
            await tokens.verify(issuer.token())
    assert issuer.fetches == 1
    issuer.status = 200
    time.s += RETRY_S
    await tokens.verify(issuer.token())


def _other_issuer(issuer: Issuer) -> None:
    issuer.metadata = {"issuer": "https://login.example"}


def _plain_keys(issuer: Issuer) -> None:
    issuer.metadata = {"jwks_uri": "http://login.example/keys"}


def _weak(issuer: Issuer) -> None:
    issuer.jwks = {"keys": [{**public("one"), "n": "AQAB"}]}


def _short(issuer: Issuer) -> None:
    short = json.loads(RSAAlgorithm.to_jwk(rsa_key("short", 1_024).public_key()))
    issuer.jwks = {"keys": [{**short, "kid": "one"}]}


def _other_curve(issuer: Issuer) -> None:
    curve = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key()))
    issuer.jwks = {"keys": [{**curve, "kid": "one"}]}


def _for_encryption(issuer: Issuer) -> None:
    issuer.jwks = {"keys": [{**public("one"), "use": "enc"}]}


def _symmetric(issuer: Issuer) -> None:
    issuer.jwks = {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"}]}


def _other_algorithm(issuer: Issuer) -> None:
    issuer.jwks = {"keys": [{**public("one"), "alg": "RS1"}, "no key", {"kid": 7}]}


def _no_keys(issuer: Issuer) -> None:
    issuer.jwks = {"keys": "none"}


def _huge(issuer: Issuer) -> None:
    issuer.jwks = {"keys": [public("one")], "more": "x" * 300_000}


@pytest.mark.parametrize(
    "change",
    [
        _other_issuer,
        _plain_keys,
        _weak,
        _short,
        _other_curve,
        _for_encryption,
        _symmetric,
        _other_algorithm,
        _no_keys,
        _huge,
    ],
)
async def test_what_the_issuer_says_is_not_believed_blindly(
    issuer: Issuer, tokens: BearerTokens, change: Callable[[Issuer], Any]
) -> None:
    change(issuer)
    with pytest.raises(RetryableError):
        await tokens.verify(issuer.token())
