"""`python -m mailfleet.web`: the public service on WEB_HOST and WEB_PORT."""

from __future__ import annotations

import logging
import sys

import uvicorn

from db.engine import DatabaseRefused
from mailfleet.settings import SettingsRefused, load, masking
from mailfleet.web.app import made

REFUSED = 2
PATIENCE = 5  # seconds that open requests have when the service is told to end


def main() -> int:
    """Serves until it is told to end. The paths are tokens, so requests are not logged."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    masking.install()
    try:
        settings = load()
        app = made(settings)
    except (SettingsRefused, DatabaseRefused) as problem:
        sys.stderr.write(f"mailfleet.web: {problem}\n")
        return REFUSED
    uvicorn.run(
        app, host=settings.web_host, port=settings.web_port, access_log=False, log_config=None, server_header=False,
        timeout_graceful_shutdown=PATIENCE, timeout_keep_alive=5, proxy_headers=False,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
