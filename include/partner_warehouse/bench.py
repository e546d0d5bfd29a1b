"""What things cost, each beside the least that the same machine needs for the same data, in one run.

    make bench            a table, and HOME/bench.json

Every measurement runs in a process of its own, so that its peak memory is its own; so does what prepares it, because a
process inherits the peak of the one that started it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from partner_warehouse.landing.layout import object_dir
from partner_warehouse.settings import Settings, load_settings

EVENTS = 10_000_000
DAYS, A_DAY = 365, 3_000
"""Files of a year of touchpoints, and the rows of each."""

LARGE_FILE = 2_000
"""Megabytes of a large file in the file drop."""

PUBLISHED_ROWS = 5_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one measurement took.

    Attributes:
        seconds: Wall clock.
        peak_mb: Peak resident memory of its process, or of the largest that it started, in MiB.
        rows: What it worked on.
    """

    name: str
    seconds: float
    peak_mb: int
    rows: int

    @property
    def rows_per_second(self) -> int:
        """Throughput."""
        return int(self.rows / self.seconds) if self.seconds else 0


def measure(name: str, rows: int, work: Callable[..., None], *arguments: Any) -> Cost:
    """Run work in a fresh process and take its time, without the start of the process, and its peak memory."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, work, arguments))
    process.start()
    sender.close()
    try:
        seconds, peak_mb = receiver.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"{name}: the measured process ended with status {process.exitcode}") from None
    process.join()
    return Cost(name, seconds, peak_mb, rows)


def dbt(home: Path, *command: str) -> None:
    """Run a command of dbt with its options on a home's warehouse, as an installation does."""
    from partner_warehouse.warehouse import runner

    settings = load_settings(home=home)
    if runner.run_dbt(settings, *command).returncode:
        raise SystemExit(f"dbt {command[0]} failed; its log is in {settings.dbt_dir / 'logs'}")


def _child(sender: Any, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    started = time.perf_counter()
    work(*arguments)
    seconds = time.perf_counter() - started
    peaks = (resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    sender.send((seconds, max(peaks) // 1024))


def _write_events(target: Path, count: int) -> None:
    """Events in Segment's shape as newline JSON, from a formula: the same bytes each time."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            """
            COPY (
                SELECT
                    md5(i::VARCHAR) AS "messageId",
                    CASE WHEN i % 5 = 0 THEN 'track' ELSE 'page' END AS type,
                    CASE WHEN i % 5 = 0 THEN 'Partner Link Clicked' END AS event,
                    'device-' || (i % 50021) AS "anonymousId",
                    CASE WHEN i % 3 = 0 THEN 'user-' || (i % 20011) END AS "userId",
                    {'partner_id': 'P' || (i % 60), 'channel': 'partner_link', 'path': '/pricing'} AS properties,
                    {'page': {'url': 'https://www.example.com/pricing?step=' || i}, 'locale': 'en-GB'} AS context,
                    strftime(TIMESTAMP '2026-01-01' + to_seconds(i), '%Y-%m-%dT%H:%M:%S.000Z') AS timestamp,
                    strftime(TIMESTAMP '2026-01-01' + to_seconds(i + 2), '%Y-%m-%dT%H:%M:%S.000Z') AS "receivedAt"
                FROM (SELECT unnest(range(?)) AS i)
            ) TO '"""
            + str(target)
            + "' (FORMAT json)",
            [count],
        )


def _bare_json_to_parquet(source: Path, target: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"COPY (SELECT * FROM read_json('{source}')) TO '{target}' (FORMAT parquet)")  # noqa: S608


def _land_events(home: Path, source: Path) -> None:
    from partner_warehouse.landing.catalog import load_catalog
    from partner_warehouse.landing.store import ReceivedFile, land

    received = ReceivedFile(path=source, name=source.name, sha256="", bytes=source.stat().st_size)
    land(load_catalog("events").objects["events"], [received], load_settings(home=home))


def landing(work: Path, events: int) -> Iterator[Cost]:
    """Received JSON to landed Parquet, beside DuckDB's bare conversion of the same file."""
    source = work / "events.ndjson"
    measure("write the events", events, _write_events, source, events)
    yield measure("bare DuckDB, JSON to Parquet", events, _bare_json_to_parquet, source, work / "bare.parquet")
    yield measure("landing: typed, checked, with the file as received", events, _land_events, work / "home", source)


def _write_days(inbox: Path, first: int, last: int) -> None:
    """A file of touchpoints for each day of `[first, last)`, as the file drop takes them."""
    directory = inbox / "touchpoints"
    directory.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        for day in range(first, last):
            connection.execute(
                f"""
                COPY (
                    SELECT
                        '{day}-' || i AS touchpoint_id,
                        strftime(TIMESTAMP '2025-01-01' + to_days({day}) + to_seconds(i * 20), '%Y-%m-%dT%H:%M:%SZ')
                            AS occurred_at,
                        'C' || (i % 1000) AS customer_id,
                        'P' || (i % 60) AS partner_id,
                        'partner_link' AS channel,
                        'click' AS kind
                    FROM (SELECT unnest(range({A_DAY})) AS i)
                ) TO '{directory / f"{day:03d}.csv"}' (HEADER)
                """  # noqa: S608
            )


def _take_days(home: Path) -> None:
    from partner_warehouse.extract.ingest import ingest

    ingest("files", "touchpoints", load_settings(home=home, inbox=home / "inbox"))


def incremental(work: Path, days: int) -> Iterator[Cost]:
    """All days but one from nothing, then that one day, then nothing new."""
    home = work / "home"
    measure("write the days", days * A_DAY, _write_days, home / "inbox", 0, days - 1)
    before = (days - 1) * A_DAY
    yield measure(f"ingest {days - 1} days, a file each", before, _take_days, home)
    measure("write one more", A_DAY, _write_days, home / "inbox", days - 1, days)
    yield measure("ingest one day more", A_DAY, _take_days, home)
    yield measure("ingest with nothing new", before + A_DAY, _take_days, home)


def _write_large(inbox: Path, megabytes: int) -> None:
    """A file of touchpoints of at least this size; a row takes 76 bytes."""
    directory = inbox / "touchpoints"
    directory.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"""
            COPY (
                SELECT
                    'touch-{megabytes}-' || lpad(i::VARCHAR, 12, '0') AS touchpoint_id,
                    strftime(TIMESTAMP '2025-01-01' + to_seconds(i), '%Y-%m-%dT%H:%M:%SZ') AS occurred_at,
                    'C' || (1000000 + i % 1000) AS customer_id,
                    'P' || (10 + i % 60) AS partner_id,
                    'partner_link' AS channel,
                    'click' AS kind
                FROM range(CAST(? AS BIGINT) * 1000000 // 75) AS rows (i)
            ) TO '{directory / f"{megabytes}.csv"}' (HEADER)
            """,  # noqa: S608
            [megabytes],
        )


def large_file(work: Path, megabytes: int) -> Iterator[Cost]:
    """One file of the file drop, and one ten times as large: memory stays below a gigabyte, whatever the size."""
    for size in (megabytes // 10, megabytes):
        home = work / str(size)
        rows = size * 1_000_000 // 75
        measure("write the file", rows, _write_large, home / "inbox", size)
        written = (home / "inbox" / "touchpoints" / f"{size}.csv").stat().st_size // 1_000_000
        yield measure(f"ingest a CSV file of {written:,} MB", rows, _take_days, home)
        shutil.rmtree(home)


def fill_warehouse(home: Path, rows: int) -> None:
    """A warehouse with one large mart."""
    from partner_warehouse.warehouse import runner

    settings = load_settings(home=home)
    runner.prepare(settings)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("CREATE SCHEMA finance")
        connection.execute(
            "CREATE TABLE finance.commission_lines AS "
            "SELECT md5(i::VARCHAR) AS line_id, 'P' || (i % 10000) AS partner_id, "
            "'2026-01' AS period, CAST(i % 100000 AS DECIMAL(18, 3)) / 100 AS amount, 'USD' AS currency, "
            "DATE '2026-01-01' + CAST(i % 365 AS INTEGER) AS earned_on, "
            "DATE '2026-01-31' + CAST(i % 365 AS INTEGER) AS payable_on, 'payable' AS status, "
            # What the explanation of a line reads.
            "CAST(NULL AS VARCHAR) AS payout_id, 'payment' AS movement_kind, md5(i::VARCHAR) AS movement_id, "
            "'reseller' AS plan_id, 1 AS plan_version, CAST(i % 100000 AS DECIMAL(18, 3)) / 10 AS base_amount, "
            "'USD' AS base_currency, CAST(0.1 AS DECIMAL(18, 12)) AS rate, CAST(NULL AS VARCHAR) AS tier, "
            "CAST(NULL AS DECIMAL(18, 3)) AS fee, "
            "CAST(1 AS DECIMAL(18, 12)) AS split_share, CAST(1 AS DECIMAL(28, 10)) AS fx_rate, "
            "CAST(NULL AS DATE) AS fx_date, CAST(NULL AS VARCHAR) AS hold_reason, "
            "CAST(NULL AS VARCHAR) AS corrects_line_id, false AS is_held, "
            "CAST(0 AS DECIMAL(18, 3)) AS withheld_amount, CAST(0 AS DECIMAL(18, 3)) AS withheld_base_amount, "
            "CAST(NULL AS DATE) AS withheld_period "
            "FROM (SELECT unnest(range(?)) AS i)",
            [rows],
        )


def _bare_copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _candidate(settings: Settings) -> Path:
    return settings.published_path.with_name(".candidate")


def copy_marts(home: Path) -> None:
    """Write the candidate of a publication."""
    from partner_warehouse.publish import snapshot

    settings = load_settings(home=home)
    settings.published_path.parent.mkdir(parents=True, exist_ok=True)
    snapshot.copy_marts(settings, _candidate(settings))


def swap(home: Path) -> None:
    """Make the candidate the publication."""
    from partner_warehouse.publish import snapshot

    settings = load_settings(home=home)
    snapshot.swap(_candidate(settings), settings.published_path)


def publication(work: Path, rows: int) -> Iterator[Cost]:
    """Warehouse to published file, beside a bare copy of the file."""
    settings = load_settings(home=work / "home")
    measure("fill the warehouse", rows, fill_warehouse, settings.home, rows)
    yield measure("bare copy of the warehouse file", rows, _bare_copy, settings.warehouse_path, work / "bare.duckdb")
    yield measure("publication: tables copied into the candidate", rows, copy_marts, settings.home)
    yield measure("publication: candidate synced and swapped in", rows, swap, settings.home)


def _ingest(home: Path, connections: dict[str, str]) -> None:
    from partner_warehouse import pipeline

    os.environ.update(connections)
    pipeline.ingest(load_settings(home=home))


def _build(home: Path, layer: Any, as_of: str) -> None:
    from partner_warehouse.warehouse import runner

    settings = load_settings(home=home, as_of=as_of)
    runner.prepare(settings)
    runner.build(layer, settings)


def company(work: Path) -> Iterator[Cost]:
    """The sample company through every source, a second time with nothing new, and each layer of the warehouse."""
    from partner_warehouse.sandbox.calendar import AS_OF
    from partner_warehouse.sandbox.company import Company
    from partner_warehouse.sandbox.servers.run import connection_variables, serve

    home = work / "home"
    home.mkdir(parents=True, exist_ok=True)
    with serve(Company.generate(), now=AS_OF, inbox=home / "inbox") as endpoints:
        connections = connection_variables(endpoints.urls)
        first = measure("ingest the sample company, every source", 0, _ingest, home, connections)
        records = _landed(load_settings(home=home))
        yield Cost(first.name, first.seconds, first.peak_mb, records)
        yield measure("ingest it again, nothing new", records, _ingest, home, connections)
    for layer in ("staging", "marts", "ledger"):
        yield measure(f"dbt layer {layer}", records, _build, home, layer, AS_OF.isoformat())


def _landed(settings: Settings) -> int:
    files = object_dir(settings.landing_dir, "*", "*") / "*" / "data.parquet"
    with duckdb.connect() as connection:
        row = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [str(files)]).fetchone()
    return int(row[0]) if row and row[0] else 0


@contextmanager
def _workplace() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="partner-warehouse-bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def main() -> None:
    """Run all benchmarks, print them, and write them as JSON."""
    from rich.console import Console
    from rich.table import Table

    from partner_warehouse.bench_attribution import attribution
    from partner_warehouse.bench_commissions import MOVEMENTS, commissions
    from partner_warehouse.publish.bench import serving

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rows", type=int, default=PUBLISHED_ROWS)
    parser.add_argument("--movements", type=int, default=MOVEMENTS)
    parser.add_argument("--megabytes", type=int, default=LARGE_FILE)
    options = parser.parse_args()
    costs: list[Cost] = []
    benchmarks: tuple[tuple[Callable[..., Iterator[Cost]], tuple[int, ...]], ...] = (
        (landing, (options.events,)),
        (incremental, (DAYS,)),
        (large_file, (options.megabytes,)),
        (publication, (options.rows,)),
        (serving, (options.rows,)),
        (attribution, (options.events,)),
        (commissions, (options.movements,)),
        (company, ()),
    )
    for benchmark, arguments in benchmarks:
        with _workplace() as work:
            costs.extend(benchmark(work, *arguments))
    table = Table(title="What it costs")
    for column in ("measurement", "seconds", "rows", "rows/s", "peak MiB"):
        table.add_column(column, justify="left" if column == "measurement" else "right")
    for cost in costs:
        table.add_row(
            cost.name, f"{cost.seconds:.1f}", f"{cost.rows:,}", f"{cost.rows_per_second:,}", f"{cost.peak_mb:,}"
        )
    Console().print(table)
    target = load_settings().home / "bench.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([asdict(cost) for cost in costs], indent=1), encoding="utf-8")
    Console().print(f"also in {target}")


if __name__ == "__main__":
    main()
