"""Takes an inbox through to the marts of the attribution."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse.runner import build, prepare

ATTRIBUTION = "+path:models/marts/attribution"
WITHOUT_TESTS = f"{ATTRIBUTION},resource_type:seed {ATTRIBUTION},resource_type:model"
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def build_attribution(settings: Settings, select: str = ATTRIBUTION) -> duckdb.DuckDBPyConnection:
    """Take the inbox in and build all of the attribution.

    Returns:
        The warehouse, open for reading.
    """
    ingest_source("files", settings)
    prepare(settings, as_of=AS_OF)
    build("marts", settings, select=select)
    connection = duckdb.connect(str(settings.warehouse_path), read_only=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection
