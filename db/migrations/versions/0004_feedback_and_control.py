"""Feedback and control; the statements stand in sql/0004_feedback_and_control.sql."""

from db.migrations.statements import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run("0004_feedback_and_control")
