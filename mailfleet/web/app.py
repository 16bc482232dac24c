"""The public service: unsubscribing and health. It knows no Prefect, so it works while that is down."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from db.engine import Engine, open_engine
from mailfleet.settings import Settings, load
from mailfleet.settings.keys import Keyring, read_keyring
from mailfleet.web import health, unsubscribe


@dataclass(frozen=True)
class Service:
    """What requests are answered with."""

    engine: Engine
    tokens: Keyring


def make() -> FastAPI:
    """The service that the environment's settings describe. Raises SettingsRefused or DatabaseRefused."""
    return made(load())


def made(settings: Settings) -> FastAPI:
    """The service of these settings; it needs no key but those of the tokens."""
    service = Service(
        open_engine(settings.url("database_web_url")), read_keyring(settings.path("token_keys"))
    )
    # no pages about itself, and no redirect of a slash too many: RFC 8058 forbids them here
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.service = service
    app.include_router(unsubscribe.router)
    app.include_router(health.router)
    return app
