"""Browser sign-in and sign-out: with a link or a token on this machine, with Entra in Azure.

GET only shows the link and POST redeems it, so link previews do not use it up. The POST must come
from our own page, or another site could sign a visitor in under its own account.
"""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from metering.adapters.sign_in.browser_sessions import SESSION_LIFE
from metering.api.dashboard.rendering import page
from metering.api.parameters import TheApp, app_of
from metering.api.problems import Problem
from metering.api.routers import for_browsers
from metering.api.sign_in import SESSION_COOKIE
from metering.core.basics.instants import SECOND
from metering.core.tenancy.access import NotSignedIn

router = for_browsers()

_USED: Final = "The link has been used, or it is older than ten minutes."
_MAX_FORM_BYTES: Final = 16_384
#: Nobody is signed in yet: all attempts share one limit.
_SIGNING_IN: Final = "sign-in"


@router.get("/signin")
async def show(app: TheApp, code: str = "") -> Response:
    """Show the sign-in page."""
    values = {"way": app.sign_in.browser, "code": code[:256], "refusal": None}
    return page("signin", values)


@router.post("/signin")
async def sign_in(request: Request, app: TheApp) -> Response:
    """Start a session for a code or a token, and redirect to the dashboard."""
    _must_be_our_page(request)
    if app.sign_in.browser != "sessions":
        raise Problem(403, "Sign-in with a form is turned off.")
    request.app.state.rate_limits.take(_SIGNING_IN)
    form = await _form(request)
    sessions = app.sign_in.sessions
    if form.get("token"):
        try:
            session = sessions.begin(await app.sign_in.tokens.verify(form["token"].strip()))
        except NotSignedIn as refused:
            return _refused(request, f"The token was rejected: {refused.reason}.")
    else:
        redeemed = sessions.redeem(form.get("code", ""))
        if redeemed is None:
            return _refused(request, _USED)
        session = redeemed
    answer = RedirectResponse("/dashboard", 303)
    answer.set_cookie(
        SESSION_COOKIE,
        session,
        max_age=SESSION_LIFE // SECOND,
        httponly=True,
        samesite="strict",
        # Some browsers reject a secure cookie over plain HTTP, even on loopback.
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/signout")
async def sign_out(request: Request, app: TheApp) -> Response:
    """End the session."""
    _must_be_our_page(request)
    app.sign_in.sessions.end(request.cookies.get(SESSION_COOKIE, ""))
    answer = RedirectResponse("/signin", 303)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


def _refused(request: Request, why: str) -> Response:
    way = app_of(request).sign_in.browser
    return page("signin", {"way": way, "code": "", "refusal": why}, 401)


def _must_be_our_page(request: Request) -> None:
    """Reject a form sent by a page of another origin. Every browser sends its origin."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    host = request.headers.get("host", "")
    # With `Referrer-Policy: no-referrer` the origin of a form is "null": Sec-Fetch-Site decides.
    if origin not in {"", "null"} and urlsplit(origin).netloc != host:
        raise Problem(403, "The form was sent from another origin.")
    if site != "same-origin" and (site is not None or origin in {"", "null"}):
        raise Problem(403, "The form was sent from another origin.")


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    if len(body) > _MAX_FORM_BYTES:
        raise Problem(413, f"The form is larger than {_MAX_FORM_BYTES} bytes.")
    fields = parse_qs(body.decode(errors="replace"), max_num_fields=8)
    return {name: values[0] for name, values in fields.items()}
