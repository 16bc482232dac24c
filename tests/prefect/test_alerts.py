"""Alerts reach a person: from the outbox to the server, and from there to a webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.filters import EventFilter, EventIDFilter
from prefect.states import State

from db import outbox
from db.engine import transaction
from deployments import apply
from mailfleet.settings import Settings
from tasks.emit_alerts import emit_alerts, event_id
from tests.conftest import Ledger
from tests.prefect.conftest import Running, run

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
WAIT_SECONDS = 20.0


@pytest.fixture(autouse=True)
def environment(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "ENCRYPTION_KEYS", "TOKEN_KEYS", "HASH_KEYS"):
        monkeypatch.setenv(name, told[name])


def alert(ledger: Ledger) -> outbox.Alert:
    """An alert that waits."""
    with transaction(ledger.engine()) as conn:
        outbox.put(
            conn, tenant_id=None, event="mailfleet.incident.pause", resource="mailfleet.campaign.7", payload={"cause": "bounces"}
        )  # fmt: skip
        return outbox.waiting(conn, limit=10)[-1]


def waiting(ledger: Ledger) -> int:
    with transaction(ledger.engine()) as conn:
        return len(outbox.waiting(conn, limit=10))


async def shown(one: outbox.Alert) -> int:
    async with get_client() as client:
        page = await client.read_events(EventFilter(id=EventIDFilter(id=[event_id(one)])), limit=10)
        return page.total


def test_an_alert_waits_while_the_server_is_down_and_is_emitted_once_when_it_is_back(
    server: Running, ledger: Ledger
) -> None:
    one = alert(ledger)
    server.stop()
    try:
        with pytest.raises(Exception, match="connection attempts failed"):
            run(emit_alerts.fn())
        assert waiting(ledger) == 1
    finally:
        server.start()
    assert run(emit_alerts.fn()) == 1
    assert waiting(ledger) == 0
    assert run(emit_alerts.fn()) == 0
    assert run(shown(one)) == 1


@dataclass
class Webhook:
    """What was posted, as text."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, words: str) -> str:
        while not (found := [text for text in self.texts if words in text]):
            assert self.came.wait(WAIT_SECONDS), f"{words!r} did not come, but {self.texts}"
            self.came.clear()
        return found[0]


@contextmanager
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            hook.texts.append(json.loads(body)["text"])
            hook.came.set()

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as receiver:
        hook.url = f"http://127.0.0.1:{receiver.server_port}/services/secret"
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield hook
        receiver.shutdown()


@pytest.mark.usefixtures("server")
def test_an_alert_and_a_failed_run_reach_the_webhook_and_a_cancelled_one_does_not(
    settings: Settings, ledger: Ledger
) -> None:
    with webhook() as hook:
        run(apply.apply_all(settings.model_copy(update={"slack_webhook_url": hook.url}), scheduled=True))
        alert(ledger)
        run(emit_alerts.fn())
        assert hook.wait_for("mailfleet.incident.pause").splitlines()[:2] == [
            "mailfleet.incident.pause: campaign 7",
            "cause: bounces",
        ]
        run(_end_runs())
        text = hook.wait_for("send-wave failed")
        assert "the ledger is gone" in text
        assert not [text for text in hook.texts if "late" in text]


async def _end_runs() -> None:
    async with get_client() as client:
        for kind, message in ((StateType.CANCELLED, "late"), (StateType.FAILED, "the ledger is gone")):
            await _end_one(client, State(type=kind, message=message))


async def _end_one(client: PrefectClient, state: State[None]) -> None:
    wave = await client.read_deployment_by_name("send-wave/node-1")
    made = await client.create_flow_run_from_deployment(wave.id)
    await client.set_flow_run_state(made.id, state, force=True)
