"""Somebody pressed "unsubscribe": it counts from the moment we answer."""

from __future__ import annotations

import hashlib

from db import clock, inbox, suppressions
from db.engine import Engine, IntegrityError, transaction
from db.inbox import Arrival
from db.suppressions import NewSuppression
from mailfleet.mail.ids import Token

ACTOR = "recipient"


def unsubscribe(engine: Engine, token: Token, *, text: str, body: bytes, host: str) -> bool:
    """The person gets nothing more from this tenant; the request waits in the inbox, once for each token. No row of
    a message is needed. False: the tenant of this token is not here. Works under role web.
    """
    wish = NewSuppression(
        token.tenant_id, "unsubscribe", "one-click with our token", ACTOR,
        person_hash=token.person_hash, hash_key_id=suppressions.OF_THE_MESSAGE,
    )  # fmt: skip
    arrival = Arrival(
        hashlib.sha256(f"one_click\n{text}".encode()).digest(), host, f"{text}\n".encode() + body
    )
    try:
        with transaction(engine) as conn:
            now = clock.now(conn)
            suppressions.suppress(conn, [wish], now=now)
            inbox.put(conn, [arrival], source="one_click", now=now)
    except IntegrityError:
        return False  # its tenant is in no row that this ledger has
    return True
