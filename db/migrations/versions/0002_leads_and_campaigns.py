"""Leads and campaigns; the statements stand in sql/0002_leads_and_campaigns.sql."""

from db.migrations.statements import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run("0002_leads_and_campaigns")
