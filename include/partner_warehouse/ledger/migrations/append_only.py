"""Triggers that make a table append-only: rows are inserted, never changed, replaced or removed."""

from __future__ import annotations

from alembic import op

_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END;
$$
"""


def protect(table: str, key: tuple[str, ...]) -> None:
    """Refuse update, delete, truncate and replacement on a table.

    Args:
        table: Its name.
        key: Its primary key. SQLite's `INSERT OR REPLACE` removes rows without firing a delete trigger, so there an
            insert over an existing key is refused as well.
    """
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {action} of {table} is refused'); END"
            )
        refuse_replacement(table, same(*key))
        return
    op.execute(_POSTGRES_FUNCTION)
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
    )


def same(*columns: str) -> str:
    """The condition that a row which is there has the same key as a new one.

    Args:
        columns: Of the key.
    """
    return " AND ".join(f"{column} = NEW.{column}" for column in columns)


def refuse_replacement(table: str, *conditions: str) -> None:
    """Refuse inserts over a row that is there: the trigger of SQLite that stands against `INSERT OR REPLACE`.

    Args:
        table: Its name.
        conditions: By which a row that is there would be replaced by the new one.
    """
    there = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {condition})" for condition in conditions)  # noqa: S608
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {table} has this key already'); END"
    )
