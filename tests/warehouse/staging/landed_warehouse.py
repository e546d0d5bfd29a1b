"""Landed records for the staging and intermediate models, written as the loader writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import object_dir
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import runner

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)

Record = Mapping[str, Any]


class Warehouse:
    """A landing to write records into, and the staging and intermediate models built over it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loads = 0

    def land(
        self,
        source: str,
        object_name: str,
        *records: Record,
        file: str | None = None,
        raw: Mapping[str, Record] | None = None,
        **common: str,
    ) -> None:
        """Write one load.

        Args:
            source: The source, as catalogued.
            object_name: The object, as catalogued.
            records: Values that DuckDB casts to the declared types; nested values become JSON text.
            file: The file's name; default one for each load.
            raw: Fields that a record was received with besides the declared ones, by the record's key.
            common: Values that all records share.
        """
        schema = load_catalog(source).objects[object_name]
        self._loads += 1
        load_id = f"20260331T{self._loads:06d}.000000Z-00000000"
        directory = object_dir(self.settings.landing_dir, source, object_name) / load_id
        directory.mkdir(parents=True)
        meta = {
            "_load_id": load_id,
            "_loaded_at": f"2026-03-31 00:{self._loads // 60:02d}:{self._loads % 60:02d}+00",
            "_file": file or f"{object_name}-{self._loads}",
        }
        full = [{**common, **record} for record in records]
        rows = [
            record | meta | {"_row": row, "_raw": json.dumps({**record, **(raw or {}).get(record[schema.key], {})})}
            for row, record in enumerate(full, 1)
        ]
        unknown = {name for record in full for name in record} - set(schema.columns)
        assert not unknown, f"{source}.{object_name} declares no {sorted(unknown)}"
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            columns = ", ".join(f'"{name}" {sql_type}' for name, sql_type in schema.columns.items())
            connection.execute(f"CREATE TABLE load ({columns})")
            connection.executemany(
                f"INSERT INTO load VALUES ({', '.join('?' for _ in schema.columns)})",
                [[_text(row.get(column)) for column in schema.columns] for row in rows],
            )
            connection.execute(f"COPY load TO '{directory / 'data.parquet'}' (FORMAT parquet)")

    def build(self, *models: str, as_of: datetime = AS_OF, known_at: datetime | None = None) -> None:
        """Build the named models and all that they need, and run their tests."""
        runner.prepare(self.settings, as_of=as_of, known_at=known_at)
        runner.build("marts", self.settings, select=" ".join(f"+{model}" for model in models))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query on the built warehouse answers."""
        with duckdb.connect(
            str(self.settings.warehouse_path), read_only=True, config=self.settings.search_path
        ) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(query).fetchall()

    def column(self, query: str) -> list[Any]:
        """The first column of what a query answers."""
        return [row[0] for row in self.rows(query)]


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value
