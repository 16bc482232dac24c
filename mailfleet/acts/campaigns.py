"""Campaigns are made from files, in versions; only an approved version sends, and only a lawful one is approved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from db import audit, clock, tenants
from db import campaigns as ledger
from db.campaigns import Campaign, Plan, Step
from db.engine import Connection, Engine, transaction
from db.tenants import Tenant
from mailfleet.acts.campaign_file import CampaignFile, read_campaign
from mailfleet.acts.refused import Refused
from mailfleet.acts.tenants import known
from mailfleet.mail.compose import NAMES
from mailfleet.mail.template import TextRefused, check, compiled
from mailfleet.policy.admission import CONTROL

# What a text may name of a lead; both people must be readable: one we know all of, one we know nothing of.
FULL, BARE = dict.fromkeys(NAMES, "Lee & Co"), dict.fromkeys(NAMES, "")


@dataclass(frozen=True)
class Made:
    """A version of a campaign; `new` where this call made it."""

    name: str
    version: int
    new: bool


def create(engine: Engine, file: Path, actor: str) -> Made:
    """The campaign of the file is there as a draft: a new version where the file says something new. Raises Refused."""
    written = read_campaign(file)
    with transaction(engine) as conn:
        campaign = _campaign(conn, written)
        newest = ledger.newest(conn, campaign)
        if newest and ledger.plan(conn, campaign, newest) == written.plan:
            return Made(written.name, newest, new=False)
        _keeps_its_steps(conn, campaign, written.plan)
        ledger.add_version(conn, campaign, newest + 1, written.plan, actor=actor, now=clock.now(conn))
        audit.append(
            conn, actor=actor, act="campaign created", subject=f"campaign {written.name}",
            details={"version": newest + 1, "steps": [step.key for step in written.steps]},
        )  # fmt: skip
    return Made(written.name, newest + 1, new=True)


def approve(engine: Engine, name: str, actor: str) -> Made:
    """The newest version sends from now on. Raises Refused where the law or its own texts forbid it."""
    with transaction(engine) as conn:
        tenant, campaign = found(conn, name)
        version = ledger.newest(conn, campaign)
        if campaign.approved == version:
            return Made(name, version, new=False)
        now = clock.now(conn)
        if problems := list(_problems(tenant, ledger.plan(conn, campaign, version), now)):
            raise Refused(f"{name} cannot be approved: {'; '.join(problems)}")
        ledger.approve(conn, campaign, version, actor=actor, now=now)
        audit.append(
            conn,
            actor=actor,
            act="campaign approved",
            subject=f"campaign {name}",
            details={"version": version},
        )
    return Made(name, version, new=True)


def found(conn: Connection, name: str) -> tuple[Tenant, Campaign]:
    """The campaign of this name, `tenant/slug`, and its tenant. Raises Refused."""
    slug, _, campaign = name.partition("/")
    tenant = known(conn, slug)
    row = ledger.find(conn, tenant.tenant_id, campaign)
    if row is None:
        raise Refused(
            f"there is no campaign {name}: `mailfleet campaign status` shows those there are, as TENANT/CAMPAIGN"
        )
    return tenant, row


def _campaign(conn: Connection, written: CampaignFile) -> Campaign:
    tenant = known(conn, written.tenant)
    direction = tenants.direction(conn, tenant.tenant_id, written.direction)
    if direction is None:
        raise Refused(f"{written.tenant} has no direction {written.direction}: see `mailfleet tenant list`")
    campaign = ledger.add(conn, tenant.tenant_id, written.slug, direction, now=clock.now(conn))
    if campaign.direction_id != direction:
        raise Refused(
            f"{written.name} belongs to another direction already: give the new campaign another slug"
        )
    return campaign


def _keeps_its_steps(conn: Connection, campaign: Campaign, plan: Plan) -> None:
    """People are between the steps that were approved: those stay, in their order, and new ones come after."""
    if campaign.approved is None:
        return
    before = [step.key for step in ledger.plan(conn, campaign, campaign.approved).steps]
    if [step.key for step in plan.steps][: len(before)] != before:
        raise Refused(
            f"{campaign.slug}: the steps {', '.join(before)} were approved: keep them first, in this order"
        )


def _problems(tenant: Tenant, plan: Plan, now: datetime) -> Iterator[str]:
    if not (tenant.legal_name or "").strip():
        yield f"{tenant.slug} has no legal name"
    if not (tenant.postal_address or "").strip():
        yield f"{tenant.slug} has no postal address"
    if plan.ends_at <= now:
        yield f"it ended at {plan.ends_at:%Y-%m-%d %H:%M %Z}"
    for step in plan.steps:
        yield from (f"step {step.key}: {problem}" for problem in _unreadable(step))


def _unreadable(step: Step) -> Iterator[str]:
    for part, source, html in (
        ("subject", step.subject, False),
        ("text", step.text_body, False),
        ("html", step.html_body, True),
    ):
        problems = check(source, FULL) or list(_unfillable(source, html, one_line=part == "subject"))
        yield from (f"{part}: {problem}" for problem in problems)


def _unfillable(source: str, html: bool, *, one_line: bool) -> Iterator[str]:
    for values in (FULL, BARE):
        try:
            filled = compiled(source, html=html).fill(values)
            if one_line and CONTROL.search(filled):
                yield "it has a line end or another control character"
                return
        except TextRefused as problem:
            yield str(problem)
            return
