"""Whether the service can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from db import clock
from db.engine import DatabaseRefused, SQLAlchemyError, transaction

router = APIRouter()


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """200 while the database can be reached, else 503."""
    try:
        with transaction(request.app.state.service.engine) as conn:
            clock.now(conn)
    except (DatabaseRefused, SQLAlchemyError):
        return JSONResponse({"database": "unreachable"}, status_code=503)
    return JSONResponse({"database": "ok"})
