"""Runs a stage's suites on its database, keeps the results and a page of them, and stops the way when one fails."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from partner_warehouse.errors import BadInputError, GateFailedError
from partner_warehouse.quality import docs_page, subjects
from partner_warehouse.quality.suites import Stage, Suite, load_suites
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import completeness
from partner_warehouse.warehouse.lock import exclusive

SAMPLE = 5
"""How many keys of offending rows a result names."""


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One expectation on one table.

    Attributes:
        unexpected: Rows that broke it; 0 where it holds or is about the table as a whole.
        sample_keys: Keys of up to `SAMPLE` of those rows, as `column=value`; never other columns.
    """

    stage: Stage
    table_schema: str
    table_name: str
    expectation: str
    column: str | None
    success: bool
    checked: int | None
    unexpected: int
    sample_keys: tuple[str, ...]
    about: str
    checked_at: str

    def __str__(self) -> str:
        where = f"{self.table_schema}.{self.table_name}" + (f".{self.column}" if self.column else "")
        keys = f"; for example {', '.join(self.sample_keys)}" if self.sample_keys else ""
        count = f": {self.unexpected} rows" if self.unexpected else ""
        return f"{where}: {self.expectation}{count}{keys}. {self.about}".strip()


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate found."""

    stage: Stage
    results: tuple[ExpectationResult, ...]

    @property
    def failed(self) -> tuple[ExpectationResult, ...]:
        """The expectations that were broken."""
        return tuple(result for result in self.results if not result.success)


def gates_dir(settings: Settings) -> Path:
    """Where the results and their pages lie."""
    return settings.home / "gates"


def data_docs(settings: Settings, stage: Stage) -> Path:
    """The page of a stage's newest results."""
    return gates_dir(settings) / "docs" / stage / "index.html"


def check(stage: Stage, settings: Settings, *, database: Path | None = None) -> GateResult:
    """Hold a stage's tables against its suites.

    Args:
        stage: Which gate.
        settings: The installation.
        database: The DuckDB file to check; default: what the stage is about (`quality.subjects`). Opened read-only.

    Returns:
        The results, all of them good.

    Raises:
        GateFailedError: The message names each broken expectation with its table, count and sample keys. The results
            and their page are kept in both cases.
    """
    suites = load_suites(stage)
    if not suites:
        raise BadInputError(f"expectations/{stage} holds no suite: a gate without expectations would let all pass")
    is_layer = f"gate {stage}" in completeness.STEPS and database in {None, settings.warehouse_path}
    with exclusive(settings) if is_layer else _alone(stage, settings):
        database = database or subjects.prepare(stage, settings)
        result = GateResult(stage, _validate(suites, _Subject(database, settings.search_path)))
        if is_layer and result.failed:
            completeness.begin(f"build {stage}", settings)
        elif is_layer:
            completeness.done(f"gate {stage}", settings)
        _keep(result, settings)
    if result.failed:
        lines = "\n".join(f"  {failed}" for failed in result.failed)
        raise GateFailedError(
            f"gate {stage}: {len(result.failed)} of {len(result.results)} expectations failed\n{lines}\n"
            f"  Page: {data_docs(settings, stage)}"
        )
    return result


@contextmanager
def _alone(stage: Stage, settings: Settings) -> Iterator[None]:
    """One command at a time holds a gate: its own tables lie in one place, and so do its results."""
    path = gates_dir(settings) / f".{stage}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _keep(result: GateResult, settings: Settings) -> None:
    """Write the stage's newest results; the publication shows them as `ops.gate_results`."""
    rows = [asdict(entry) for entry in result.results]
    _replace(gates_dir(settings) / "results" / f"{result.stage}.json", json.dumps(rows, indent=1))
    # Great Expectations' own pages load their style and script from the internet, and show values of rows.
    page = data_docs(settings, result.stage)
    for entry in page.parent.iterdir() if page.parent.exists() else ():
        if entry.is_dir():
            shutil.rmtree(entry)
    _replace(page, docs_page.render(result.stage, rows))


def _replace(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)


@dataclass(frozen=True, slots=True)
class _Subject:
    """The DuckDB file that is checked, and how it is opened so that its views find what they read."""

    file: Path
    config: dict[str, Any]

    def connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.file), read_only=True, config=self.config)


def _validate(suites: tuple[Suite, ...], subject: _Subject) -> tuple[ExpectationResult, ...]:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # Great Expectations takes seconds to import and chats while it does: only a process that checks pays for it.
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx

    from partner_warehouse.quality import gx_duckdb

    gx_duckdb.apply()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    checked_at = datetime.now(UTC).isoformat()
    runs = []
    found: list[ExpectationResult] = []
    existing = _tables(subject)  # before Great Expectations opens the file in its own way
    with _connections_closed():
        source = context.data_sources.add_sql(
            "subject",
            connection_string=f"duckdb:///{subject.file}",
            create_temp_table=False,
            kwargs={"connect_args": {"read_only": True, "config": subject.config}},  # type: ignore[call-arg]
        )
        for suite in suites:
            if (suite.schema, suite.table) not in existing:
                found.append(_missing(suite, checked_at))
                continue
            asset = source.add_table_asset(suite.name, table_name=suite.table, schema_name=suite.schema)
            definition = context.validation_definitions.add(
                gx.ValidationDefinition(
                    name=suite.name,
                    data=asset.add_batch_definition_whole_table("all"),
                    suite=context.suites.add(_gx_suite(gx, suite)),
                )
            )
            result_format = {
                "result_format": "SUMMARY",
                "unexpected_index_column_names": list(suite.key),
                "partial_unexpected_count": SAMPLE,
            }
            checkpoint = context.checkpoints.add(
                gx.Checkpoint(
                    name=suite.name,
                    validation_definitions=[definition],
                    result_format=result_format,
                    actions=[],
                )
            )
            runs.append((suite, checkpoint.run()))
    for suite, run in runs:
        for validation in run.run_results.values():
            found.extend(_result(suite, entry, subject, checked_at) for entry in validation.results)
    return tuple(found)


def _tables(subject: _Subject) -> set[tuple[str, str]]:
    with subject.connect() as connection:
        rows = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    return {(schema, table) for schema, table in rows}


def _gx_suite(gx: Any, suite: Suite) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    built = gx.ExpectationSuite(name=suite.name, expectations=[])
    for entry in suite.expectations:
        built.add_expectation_configuration(
            ExpectationConfiguration(type=entry["type"], kwargs=entry["kwargs"], meta=entry["meta"]),
            # By domain, the default, the second query on a table would replace the first one.
            match_type="success",
        )
    return built


def _missing(suite: Suite, checked_at: str) -> ExpectationResult:
    return ExpectationResult(
        stage=suite.stage,
        table_schema=suite.schema,
        table_name=suite.table,
        expectation="expect_table_to_exist",
        column=None,
        success=False,
        checked=None,
        unexpected=0,
        sample_keys=(),
        about="The table is not there: was the layer built?",
        checked_at=checked_at,
    )


def _result(suite: Suite, entry: Any, subject: _Subject, checked_at: str) -> ExpectationResult:
    configuration = entry.expectation_config
    detail: dict[str, Any] = entry.result or {}
    about = str((configuration.meta or {}).get("about", ""))
    for fault in _exceptions(entry.exception_info):
        about = f"{about} Could not be checked: {fault}".strip()
    rows = detail.get("partial_unexpected_index_list") or []
    unexpected = detail.get("unexpected_count") or 0
    query = configuration.kwargs.get("unexpected_rows_query")
    if query and not entry.success:
        # This expectation counts the rows but does not name them.
        unexpected = int(detail.get("observed_value") or 0)
        rows = _offenders(subject, suite, query)
    return ExpectationResult(
        stage=suite.stage,
        table_schema=suite.schema,
        table_name=suite.table,
        expectation=configuration.type,
        column=configuration.kwargs.get("column"),
        success=bool(entry.success),
        checked=detail.get("element_count"),
        unexpected=0 if entry.success else int(unexpected),
        sample_keys=() if entry.success else tuple(_keys(rows, suite.key)),
        about=about,
        checked_at=checked_at,
    )


@contextmanager
def _connections_closed() -> Iterator[None]:
    """Close every connection opened inside.

    Great Expectations keeps some, and DuckDB then refuses to open the file for writing in this process.
    """
    borrowed: list[Any] = []
    opened: list[Any] = []

    def remember_borrower(_connection: Any, _record: Any, borrower: Any) -> None:
        borrowed.append(borrower)

    def remember(_connection: Any, record: Any) -> None:
        opened.append(record)

    sa.event.listen(sa.pool.Pool, "checkout", remember_borrower)
    sa.event.listen(sa.pool.Pool, "connect", remember)
    try:
        yield
    finally:
        sa.event.remove(sa.pool.Pool, "checkout", remember_borrower)
        sa.event.remove(sa.pool.Pool, "connect", remember)
        # Borrowers first: one that outlives its connection would try to roll it back when it is collected.
        for borrower in borrowed:
            if borrower.is_valid:
                borrower.invalidate()
        for record in opened:
            if record.dbapi_connection is not None:
                record.invalidate()


def _offenders(subject: _Subject, suite: Suite, query: str) -> list[dict[str, Any]]:
    """Key columns of the first rows that a query of a suite finds."""
    with subject.connect() as connection:
        try:
            rows = connection.execute(query.replace("{batch}", f'"{suite.schema}"."{suite.table}"'))
        except duckdb.Error:
            return []  # a query that cannot run has been reported as such
        names = [column[0] for column in rows.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchmany(SAMPLE)]


def _exceptions(info: dict[str, Any]) -> Iterator[str]:
    """GX nests what it could not compute by metric, or not at all."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, dict) and entry.get("raised_exception"):
            yield str(entry.get("exception_message", "")).splitlines()[0]


def _keys(rows: list[dict[str, Any]], key: tuple[str, ...]) -> Iterator[str]:
    """Only key columns: any other value of a row may be a personal datum."""
    for row in rows[:SAMPLE]:
        yield " ".join(f"{column}={row[column]}" for column in key if column in row)
