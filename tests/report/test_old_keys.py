"""House-keeping drops the keys of what nobody delivers again, and only those."""

from sqlalchemy import text

from db.engine import transaction
from mailfleet.acts import house
from tests.conftest import Ledger


def test_keys_older_than_400_days_are_dropped_and_younger_ones_refuse_what_comes_twice(
    ledger: Ledger,
) -> None:
    engine = ledger.engine()
    with transaction(engine) as conn:
        conn.execute(
            text("""
            INSERT INTO mailfleet.event_keys (source, natural_key, seen_at)
            SELECT 'maildir', CAST('age ' || age AS bytea), clock_timestamp() - make_interval(days => age)
              FROM unnest(ARRAY[0, 399, 401, 800]) AS age
        """)
        )
    house.keep(engine)
    with transaction(engine) as conn:
        kept = (
            conn.execute(
                text(
                    "SELECT convert_from(natural_key, 'UTF8') FROM mailfleet.event_keys ORDER BY seen_at DESC"
                )
            )
            .scalars()
            .all()
        )
    assert kept == ["age 0", "age 399"]
