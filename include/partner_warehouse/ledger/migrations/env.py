"""Runs the migrations on the connection that `store.migrate` holds, inside its transaction and under its lock."""

from __future__ import annotations

from alembic import context

from partner_warehouse.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
