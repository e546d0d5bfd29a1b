"""The publication file: copied from the warehouse into a candidate, checked, and swapped in by one rename.

A reader that has the former file open keeps it until it closes it; one that opens the path gets the new file or the
former one, never a half.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import duckdb

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.extract.freshness import write_table as write_freshness
from partner_warehouse.publish import portal
from partner_warehouse.quality import gates
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import completeness
from partner_warehouse.warehouse.lock import exclusive

SCHEMAS = ("finance", "attribution", "kpi", "partners", "ops")
"""What is published. Everything else in the warehouse stays private."""

_GATE_RESULTS = {
    "stage": "VARCHAR",
    "table_schema": "VARCHAR",
    "table_name": "VARCHAR",
    "expectation": "VARCHAR",
    "column": "VARCHAR",
    "success": "BOOLEAN",
    "checked": "BIGINT",
    "unexpected": "BIGINT",
    "sample_keys": "VARCHAR[]",
    "about": "VARCHAR",
    "checked_at": "TIMESTAMPTZ",
}


def publish(settings: Settings) -> Path:
    """Replace the publication by the warehouse's marts, if they are whole and pass the publication gate.

    It holds the warehouse file to the end: what is published is what the note of completeness was looked up for, and of
    two that publish the second waits.

    Returns:
        The published file.

    Raises:
        GateFailedError: The candidate broke an expectation; the former publication stands.
        PartnerWarehouseError: The warehouse has nothing to publish, or is not whole.
    """
    target = settings.published_path
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(settings):
        if not completeness.is_whole(settings):
            raise PartnerWarehouseError(f"nothing to publish: {completeness.NOT_WHOLE}")
        _sweep(target)
        candidate = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.candidate")
        try:
            copy_marts(settings, candidate)
            gates.check("publication", settings, database=candidate)
            _add_gate_results(settings, candidate)
            swap(candidate, target)
        finally:
            candidate.unlink(missing_ok=True)
    return target


def _sweep(target: Path) -> None:
    """Remove the candidates of commands that were killed: whoever publishes holds the warehouse file."""
    for leftover in target.parent.glob(f".{target.stem}.*.candidate*"):
        leftover.unlink(missing_ok=True)


_ORDERS = dict.fromkeys(
    ("finance.commission_lines", "finance.approved_payout_lines"), "ORDER BY partner_id, earned_on, line_id"
)
"""What is looked up partner by partner lies together: a partner's month is read without the other partners' lines."""


def copy_marts(settings: Settings, candidate: Path) -> None:
    """Write every published table of the warehouse into a new file, and what is known of the run and its sources."""
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        # The order of rows is the warehouse's own, so the same marts give the same file content.
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(f"ATTACH {_literal(settings.warehouse_path)} AS warehouse (READ_ONLY)")
        tables = connection.execute(
            # A mart that is a view of private tables is published as a table.
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = 'warehouse' AND list_contains(?, table_schema) ORDER BY ALL",
            [list(SCHEMAS)],
        ).fetchall()
        if not tables:
            raise PartnerWarehouseError("nothing to publish: the warehouse holds no mart; build it first")
        connection.execute("BEGIN")
        for schema in SCHEMAS:
            connection.execute(f'CREATE SCHEMA "{schema}"')
        for schema, table in tables:
            order = _ORDERS.get(f"{schema}.{table}", "")
            connection.execute(f'CREATE TABLE "{schema}"."{table}" AS FROM warehouse."{schema}"."{table}" {order}')
        connection.execute(
            "CREATE TABLE ops.run_parameters AS "
            "SELECT as_of, known_at, timezone, reporting_currency, fx_lookback_days, plans_hash FROM read_parquet(?)",
            [str(completeness.parameters_path(settings))],
        )
        write_freshness(settings, connection)
        _make_explanations(connection)
        connection.execute("COMMIT")
        connection.execute("DETACH warehouse")
        connection.execute("CHECKPOINT")


_EXCLUDED = (
    "select 'exclusion' as explained, movement_id as explained_id, null as period, concerned.partner_id, "
    "null as payout_id, movement_kind, movement_id, currency, amount, "
    "amount || ' ' || currency || ' of it earn nothing: ' || reason || '.' as explanation from finance.exclusions "
    "left join unnest(from_json(partner_ids, '[\"VARCHAR\"]')) as concerned (partner_id) on true"
)


def _make_explanations(connection: duckdb.DuckDBPyConnection) -> None:
    """`finance.explanations`: a view over what is published, in the words of `partner-warehouse explain`.

    It has every approved payout with its lines, the lines of the entitlement, and what is excluded, for each partner
    whom it concerns; as far as built.
    """
    built = {f"{row[0]}.{row[1]}" for row in connection.execute(_BUILT).fetchall()}
    views = {view.name: view for view in portal.views()}
    chosen = [views[name] for name in ("explained_payouts", "explained_lines") if views[name].possible_with(built)]
    queries = [view.query for view in chosen] + [_EXCLUDED] * ("finance.exclusions" in built)
    if queries:
        connection.execute("CREATE VIEW finance.explanations AS " + " UNION ALL ".join(queries))


_BUILT = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()"


def _add_gate_results(settings: Settings, candidate: Path) -> None:
    """`ops.gate_results`: the newest result of each gate, the publication's own among them."""
    columns = ", ".join(f"'{name}': '{sql_type}'" for name, sql_type in _GATE_RESULTS.items())
    results = sorted((gates.gates_dir(settings) / "results").glob("*.json"))
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE TABLE ops.gate_results AS SELECT * FROM read_json(?, columns = {{{columns}}}, format = 'array')",  # noqa: S608
            [[str(path) for path in results]],
        )
        connection.execute("CHECKPOINT")


def swap(candidate: Path, target: Path) -> None:
    """One rename, durable: file content first, then the name, then the directory."""
    _fsync(candidate)
    os.replace(candidate, target)
    _fsync(target.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
