"""Writes and signs letters: each step compiled once, each domain's key opened once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from db import messages, signing_keys
from db.engine import Connection
from db.signing_keys import SealedKey
from db.tenants import WrappedKey
from mailfleet.acts.keys import Keys
from mailfleet.acts.tenants import open_data_key
from mailfleet.egress.envelope import Envelope
from mailfleet.mail import compose, ids, seal
from mailfleet.mail.compose import Compiled
from mailfleet.mail.dkim import Signer, load_signer
from mailfleet.mail.footer import Imprint
from mailfleet.mail.headers import HeaderRefused
from mailfleet.mail.template import TextRefused

StepKey = tuple[int, int, int, str]  # tenant, campaign, version, step


@dataclass(frozen=True)
class Written:
    """A letter ready to leave, or why it cannot be written."""

    message_id: int
    tenant_id: int
    egress_id: int
    receiver: str
    envelope: Envelope | None = field(repr=False)
    problem: str | None = None


@dataclass(frozen=True)
class Desk:
    """What letters are written with during one share: keys, signers by domain, steps already compiled."""

    keys: Keys
    signers: dict[int, Signer] = field(default_factory=dict)
    steps: dict[StepKey, Compiled] = field(default_factory=dict)

    def write(self, parts: messages.Letter, now: datetime) -> Written:
        """The letter, signed. A text that cannot be filled is a problem of this message alone."""
        try:
            envelope = self._envelope(parts, now)
        except (TextRefused, HeaderRefused) as problem:
            return Written(
                parts.message_id, parts.tenant_id, parts.egress_id, parts.receiver, None, f"text: {problem}"
            )
        return Written(parts.message_id, parts.tenant_id, parts.egress_id, parts.receiver, envelope)

    def write_all(self, parts: Iterable[messages.Letter], now: datetime) -> list[Written]:
        """All of them; runs in a thread."""
        return [self.write(one, now) for one in parts]

    def _envelope(self, parts: messages.Letter, now: datetime) -> Envelope:
        tokens = self.keys.tokens.keys
        token = ids.write_token(tokens, ids.Token(parts.tenant_id, parts.message_id, parts.person_hash))
        marks = compose.Marks(
            ids.message_id(tokens, parts.message_id, parts.domain),
            tuple(ids.message_id(tokens, number, parts.domain) for number in parts.thread),
            f"https://{parts.tracking_host}/u/{token}",
            f"=_{parts.message_id:016x}",
        )
        letter = self._step(parts).fill(_sender(parts), _recipient(parts), marks, now)
        data = compose.to_bytes(letter, self.signers[parts.domain_id].sign(letter))
        return Envelope(ids.return_path(token, parts.bounce_domain), parts.address, data, parts.receiver)

    def _step(self, parts: messages.Letter) -> Compiled:
        key = (parts.tenant_id, parts.campaign_id, parts.version, parts.step)
        if key not in self.steps:
            self.steps[key] = compose.compile_step(_step(parts))
        return self.steps[key]


def _step(parts: messages.Letter) -> compose.Step:
    imprint = Imprint(parts.legal_name, parts.postal_address, parts.purpose, parts.privacy_url)
    feedback_id = f"{parts.campaign}:{parts.step}:{parts.tenant}:mailfleet"
    return compose.Step(
        parts.subject, parts.first_subject, parts.text_body, parts.html_body, feedback_id, imprint
    )


def _sender(parts: messages.Letter) -> compose.Sender:
    return compose.Sender(parts.mailbox, parts.display_name)


def _recipient(parts: messages.Letter) -> compose.Recipient:
    return compose.Recipient(
        parts.address, parts.given_name, parts.family_name, parts.company, parts.country, parts.language,
        parts.variables, parts.basis_source, parts.basis_at,
    )  # fmt: skip


def open_signers(conn: Connection, keys: Keys, domain_ids: Collection[int]) -> dict[int, Signer]:
    """A signer for each domain. Raises Refused where the installation's key does not open it."""
    return {sealed.domain_id: _signer(keys, sealed) for sealed in signing_keys.of_domains(conn, domain_ids)}


def _signer(keys: Keys, sealed: SealedKey) -> Signer:
    data_key = open_data_key(keys, sealed.tenant, WrappedKey(sealed.data_key_id, sealed.data_key))
    about = seal.about_dkim_key(sealed.tenant, sealed.domain)
    return load_signer(sealed.domain, sealed.selector, seal.unseal(data_key, sealed.dkim_key, about))
