"""Alembic's environment of the ledger. `store.migrate` runs it; it is part of the package."""
