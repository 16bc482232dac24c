"""Messages; the statements stand in sql/0003_messages.sql."""

from db.migrations.statements import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run("0003_messages")
