"""Takes an inbox through to the marts of the attribution."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse.runner import build, prepare

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


MARTS = "+path:models/marts/attribution"


def build_attribution(settings: Settings, *, with_tests: bool = True, select: str = MARTS) -> duckdb.DuckDBPyConnection:
    """Take the inbox in and build all of the attribution.

    Args:
        settings: The installation.
        with_tests: Whether dbt's own tests run too: those that need no other table than what is built.
        select: What to build, as dbt's selection.

    Returns:
        The warehouse, open for reading.
    """
    ingest_source("files", settings)
    prepare(settings, as_of=AS_OF)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_INDIRECT_SELECTION", "cautious" if with_tests else "empty")
        build("marts", settings, select=select)
    connection = duckdb.connect(str(settings.warehouse_path), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection
