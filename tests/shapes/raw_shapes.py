"""Tables as connectors land them, turned back into records as the APIs give them.

A connector writes snake case, flat columns, its own `_fivetran_*` columns, and instants without an offset; the API
has its own names, nested values, ISO instants or Unix seconds. Nothing else is changed: a boolean or a number stays as
it is spelled in the file.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import duckdb
from landed_records import spooled

from partner_warehouse.landing.catalog import FieldType, ObjectSchema, load_catalog
from partner_warehouse.landing.layout import data_files
from partner_warehouse.landing.store import LoadOutcome, exclusive, land
from partner_warehouse.settings import ROOT, Settings

SHAPES = ROOT.parent / "shared" / "data" / "raw_shapes"
"""Beside the checkout, and no part of it."""

FieldPath = tuple[str, ...]
Row = Mapping[str, str]

_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?(?: UTC)?")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?\d+\.\d+")

# Tables whose name is not that of the API's object.
_OBJECTS = {
    "hubspot": {"company": "companies", "contact": "contacts", "deal": "deals"},
    # A connector's versions of a record; the API's object of this name is another one.
    "salesforce": {name: f"{name}_versions" for name in ("account_history", "contact_history", "opportunity_history")},
}
_KEYS = {"hubspot": {"deal": {"deal_id": "id"}}}
_DELETED = {"salesforce": "IsDeleted", "hubspot": "archived", "stripe": "deleted"}


def instant(text: str) -> datetime | None:
    """The instant that a connector wrote, in UTC."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    day, hour, minute, second, fraction = found.groups()
    micros = int((fraction or "").ljust(6, "0"))
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).replace(
        hour=int(hour), minute=int(minute), second=int(second), microsecond=micros
    )


def salesforce_name(column: str) -> str:
    """`opportunity_id` → `OpportunityId`, `product_2_id` → `Product2Id`, `no_show_c` → `No_Show__c`."""
    if column.startswith("_"):
        return column
    if column.endswith("_c"):
        return "_".join(part.capitalize() for part in column[:-2].split("_")) + "__c"
    return "".join(part.capitalize() for part in column.split("_"))


@dataclass(frozen=True)
class Shape:
    """One table of a connector.

    Attributes:
        source: The source that it is of.
        table: The connector's name of it.
        rows: As in the file.
    """

    source: str
    table: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The API's name of the object."""
        name = _OBJECTS.get(self.source, {}).get(self.table, self.table)
        return salesforce_name(name) if self.source == "salesforce" else name

    @cached_property
    def is_declared(self) -> bool:
        """Whether the product declares the object, without an addition of ours."""
        return self.name in load_catalog(self.source).objects

    @cached_property
    def paths(self) -> dict[str, FieldPath]:
        """Where each column lies in the record that the API gives."""
        declared = {f.path for f in load_catalog(self.source).objects[self.name].fields} if self.is_declared else set()
        found: dict[str, FieldPath] = {}
        for column in self.columns:
            path = self._path(column, declared)
            if path is not None and path not in found.values():
                found[column] = path
        return found

    def _path(self, column: str, declared: set[FieldPath]) -> FieldPath | None:
        if column in ("is_deleted", "_fivetran_deleted") and (_DELETED[self.source],) in declared:
            return (_DELETED[self.source],)
        if column.startswith("_") and self.is_declared:
            return None  # the connector's own
        if self.source == "salesforce":
            return (salesforce_name(column),)
        if self.source == "hubspot":
            if column.startswith("property_"):
                return ("properties", column.removeprefix("property_"))
            return (_KEYS["hubspot"].get(self.table, {}).get(column, column),)
        if column.startswith("evidence_details_"):
            return ("evidence_details", column.removeprefix("evidence_details_"))
        bare = column.removesuffix("_id")
        return (bare,) if (bare,) in declared and bare not in self.columns else (column,)

    def addition(self) -> dict[str, str]:
        """The declaration of an object that the product does not declare: its key first, types from the values."""
        filled = [column for column in self.columns if all(row[column] for row in self.rows)]
        key = next((c for c in ("id", "guid", "deal_id", *filled) if c in filled and not c.startswith("_")), filled[0])
        fields = {}
        for column in (key, *(c for c in self.columns if c != key)):
            path = self.paths[column]
            name = re.sub(r"\W", "_", path[-1]).lstrip("_")
            kind = "text" if column == key else self._kind([row[column] for row in self.rows if row[column]])
            fields[name] = f"{kind}{'!' if column == key else ''} {'.'.join(path)}"
        return fields

    def _kind(self, values: Sequence[str]) -> FieldType:
        def all_are(test: Any) -> bool:
            return bool(values) and all(test(value) for value in values)

        if all_are(lambda value: value.lower() in ("true", "false")):
            return "boolean"
        if all_are(instant):
            return "epoch" if self.source == "stripe" else "instant"
        if all_are(_INTEGER.fullmatch):
            return "integer"
        if all_are(lambda value: _INTEGER.fullmatch(value) or _DECIMAL.fullmatch(value)):
            return "decimal"
        return "json" if all_are(lambda value: isinstance(nested(value), dict | list)) else "text"

    def schema(self) -> ObjectSchema:
        """As it is declared now."""
        return load_catalog(self.source).objects[self.name]

    def records(self) -> list[dict[str, Any]]:
        """The rows as the API gives them."""
        types: dict[FieldPath, FieldType] = {field.path: field.type for field in self.schema().fields}
        return [self._record(row, types) for row in self.rows]

    def _record(self, row: Row, types: Mapping[FieldPath, FieldType]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for column, path in self.paths.items():
            level = record
            for part in path[:-1]:
                level = level.setdefault(part, {})
            level[path[-1]] = self._value(row[column], types.get(path))
        for path in self.stamps:
            put(record, path, self._value(row["_fivetran_synced"], types[path]))
        return record

    @cached_property
    def stamps(self) -> tuple[FieldPath, ...]:
        """Instants that the API always gives and this table left out; the moment it was read stands in."""
        if not self.is_declared:
            return ()
        lost = [
            field.path
            for field in self.schema().fields
            if field.required and field.type in ("instant", "epoch") and field.path not in self.paths.values()
        ]
        return tuple(lost)

    def _value(self, text: str, kind: FieldType | None) -> Any:
        if text == "":
            return None
        moment = instant(text)
        if kind == "date":
            return text[:10]
        if kind == "json":
            return nested(text)
        if kind == "text" or moment is None:
            # Metadata that is not declared is nested, too; text stays text even where it looks like a number.
            return nested(text) if kind is None and text.startswith("{") else text
        if self.source == "stripe":
            return int(moment.timestamp())
        if self.source == "salesforce":
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
        return moment.isoformat().replace("+00:00", "Z")

    def expected(self) -> list[dict[str, Any]]:
        """Each row's values by declared field, typed here, without the product's help."""
        column_of = {path: column for column, path in self.paths.items()}
        column_of |= dict.fromkeys(self.stamps, "_fivetran_synced")
        return [
            {
                field.name: self._expected(row.get(column_of.get(field.path, ""), ""), field.type)
                for field in self.schema().fields
            }
            for row in self.rows
        ]

    def _expected(self, text: str, kind: FieldType) -> Any:
        if text == "":
            return None
        if kind == "boolean":
            return {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}[text.lower()]
        if kind in ("integer", "minor_units"):
            return int(text)
        if kind == "decimal":
            return Decimal(text)
        if kind == "date":
            return date.fromisoformat(text[:10])
        if kind in ("instant", "epoch"):
            moment = instant(text)
            assert moment is not None, text
            if kind == "epoch":
                return moment.replace(microsecond=0)
            # Salesforce gives milliseconds.
            micros = moment.microsecond // 1000 * 1000 if self.source == "salesforce" else moment.microsecond
            return moment.replace(microsecond=micros)
        return nested(text) if kind == "json" else text

    def undeclared(self) -> set[str]:
        """Names of what the table has and the catalog has not, as a manifest reports them."""
        schema = self.schema()
        known = {field.path for field in schema.fields} | schema.envelope
        containers = {path[:depth] for path in known for depth in range(1, len(path))}
        found = set()
        for path in self.paths.values():
            for depth in range(1, len(path) + 1):
                if path[:depth] in known:
                    break
                if path[:depth] not in containers:
                    found.add(".".join(path[:depth]))
                    break
        return found


def nested(text: str) -> Any:
    """What a text says as JSON; the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def put(record: dict[str, Any], path: FieldPath, value: Any) -> None:
    """Set a nested value."""
    for part in path[:-1]:
        record = record.setdefault(part, {})
    record[path[-1]] = value


def remove(record: dict[str, Any], path: FieldPath) -> None:
    """Take a nested value away, if it is there."""
    for part in path[:-1]:
        inner = record.get(part)
        record = inner if isinstance(inner, dict) else {}
    record.pop(path[-1], None)


def read_shapes() -> list[Shape]:
    """Every table, by source and name."""
    found = []
    for path in sorted(SHAPES.glob("*/*_data.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = tuple(reader)
        table = path.stem.removesuffix("_data").removeprefix("sf_")
        found.append(Shape(path.parent.name, table, tuple(reader.fieldnames or ()), rows))
    return found


class Landing:
    """Lands records, and reads what became of them."""

    def __init__(self, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
        self.settings = settings
        self._connection = connection

    def land(
        self, schema: ObjectSchema, records: Sequence[dict[str, Any]], *, lines: Sequence[str] = ()
    ) -> LoadOutcome:
        """One load, of records and of lines as they are."""
        with exclusive(self.settings, schema.source, schema.name) as directory:
            received = spooled(directory / "1.ndjson", [*records, *lines])
            return land(schema, [received], self.settings, connection=self._connection)

    def rows(self, outcome: LoadOutcome, kind: str = "data") -> list[dict[str, Any]]:
        """What a load holds, in the order of its records."""
        path = self.settings.landing_dir / outcome.source / outcome.object / outcome.load_ids[0] / f"{kind}.parquet"
        files, order = (data_files(path), "_row") if kind == "data" else (f"read_parquet('{path}')", "row, field")
        found = self._connection.execute(f"SELECT * FROM {files} ORDER BY {order}")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
