"""One-click unsubscribing (RFC 8058): a POST acts, a GET shows a page that asks, nothing redirects."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from db.engine import DatabaseRefused, SQLAlchemyError
from mailfleet.acts.one_click import unsubscribe
from mailfleet.mail.ids import Token, read_token
from mailfleet.web import pages

router = APIRouter()
LARGEST = 10_000  # bytes; the form is 26
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
}


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def ask(request: Request, token: str) -> HTMLResponse:
    """A page with a button: mail scanners follow links with GET, and a GET must change nothing."""
    return _page(request, "asked") if _opened(request, token) else _page(request, "unknown", 404)


@router.post("/u/{token}")
async def act(request: Request, token: str) -> HTMLResponse:
    """Whoever posts here wants no more mail, whatever the form says: it is done when the answer leaves."""
    opened, body = _opened(request, token), await _body(request)
    if opened is None:
        return _page(request, "unknown", 404)
    if body is None:
        return _page(request, "too_large", 413)
    service, host = request.app.state.service, request.headers.get("host", "")[:255]
    try:
        known = await asyncio.to_thread(
            unsubscribe, service.engine, opened, text=token.lower(), body=body, host=host
        )
    except (DatabaseRefused, SQLAlchemyError):
        return _page(request, "later", 503)
    return _page(request, "done") if known else _page(request, "unknown", 404)


def _opened(request: Request, token: str) -> Token | None:
    return read_token(request.app.state.service.tokens.keys, token)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is larger than any such form is."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return body


def _page(request: Request, name: str, status: int = 200) -> HTMLResponse:
    retry = {"Retry-After": "60"} if status == 503 else {}
    return HTMLResponse(pages.page(name, request.headers.get("accept-language", "")), status, HEADERS | retry)
