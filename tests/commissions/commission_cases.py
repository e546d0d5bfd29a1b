"""Lays out commission cases as an installation, builds it, and takes its months through the payouts commands.

A case is a folder: `plans` and `inputs` are there from the start, `later` arrives before `LATER` is drafted. Both hold
files of the file drop, and records as a source's API sends them: `<source>/<object>.jsonl`, a record a line.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from landed_records import land_records

from partner_warehouse import cli, pipeline
from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.ledger.landing import land_ledger
from partner_warehouse.publish import snapshot
from partner_warehouse.quality import gates
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse import completeness
from partner_warehouse.warehouse.runner import build, prepare

SCENARIOS = Path(__file__).parents[1] / "scenarios" / "commissions"
AS_OF = datetime(2027, 6, 30, tzinfo=UTC)
LATER = "2026-05"
LATER_BEGINS = datetime(2026, 5, 1, tzinfo=UTC)
PERIODS = (
    *("2024-02", "2024-03", "2025-03"),
    *(f"2026-{month:02d}" for month in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11)),
    *("2027-01", "2027-02", "2027-03"),
)
"""The months that are approved, in their order. The others are passed over: what is due then is in the next one."""
PLAN_FILES = ("commission_plans", "commission_rates", "commission_bonuses", "commission_exclusions")


@dataclass(frozen=True)
class Company:
    """An installation whose months were approved in turn, and the entitlement as it was before they were posted."""

    settings: Settings
    entitlement: Path


def read_csv(path: Path) -> list[dict[str, str]]:
    """A file's rows; none where there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lay_out(cases: list[Path], home: Path) -> Settings:
    """Put the cases' inputs into a home's inbox, a file each, and their plans into one directory."""
    plans = home / "plans"
    plans.mkdir(parents=True)
    for name in PLAN_FILES:
        texts = [
            path.read_text(encoding="utf-8") for case in cases if (path := case / "plans" / f"{name}.csv").exists()
        ]
        if texts:
            header = texts[0].splitlines(keepends=True)[:1]
            rows = [line for text in texts for line in text.splitlines(keepends=True)[1:]]
            (plans / f"{name}.csv").write_text("".join(header + rows), encoding="utf-8")
    settings = load_settings(home=home, plans=plans, sources=("files",))
    deliver(cases, settings, "inputs")
    return settings


def deliver(cases: list[Path], settings: Settings, folder: str) -> None:
    """Put the files of one folder of each case into the inbox, and land its records, where it has any."""
    for case in cases:
        for source in sorted((case / folder).glob("*.csv")):
            target = settings.inbox_dir / source.stem / f"{case.name}_{folder}.csv"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        for records in sorted((case / folder).glob("*/*.jsonl")):
            _land(records, settings)


def _land(records: Path, settings: Settings) -> None:
    """What a client of the API lands of these records; all of them are good."""
    schema = load_catalog(records.parent.name).objects[records.stem]
    lines = records.read_text(encoding="utf-8").splitlines()
    outcome = land_records(settings, schema, lines)
    assert outcome.landed == len(lines), (records, outcome)


def build_commissions(settings: Settings, as_of: datetime = AS_OF) -> None:
    """From the inbox to the tables of finance, with all their tests. They count as whole: nothing else is looked at."""
    ingest_source("files", settings)
    prepare(settings, as_of=as_of)
    build("marts", settings, select="+path:models/marts/finance +credits +partner_roles")
    for step in completeness.STEPS:
        completeness.done(step, settings)


def publish(settings: Settings, target: Path) -> None:
    """The marts that were built, as a file that is read while the warehouse is built again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    candidate = target.with_suffix(".candidate")
    snapshot.copy_marts(settings, candidate)
    os.replace(candidate, target)


def publish_postings(settings: Settings) -> None:
    """What an approval does at its end, for the tables of finance alone: the ledger's postings become marts."""
    land_ledger(settings)
    build("ledger", settings, select="tag:ledger path:models/marts/finance")
    publish(settings, settings.published_path)


@contextmanager
def installation(settings: Settings) -> Iterator[None]:
    """The environment in which commands find this installation. An approval does not refresh the publication."""
    given = {
        "HOME": settings.home,
        "INBOX": settings.inbox_dir,
        "PLANS": settings.plans,
        "SOURCES": "files",
        "APPROVERS": "ben",
    }
    kept = dict(os.environ)
    refresh = pipeline.after_posting
    for name in [name for name in os.environ if name.startswith("PARTNER_WAREHOUSE_")]:
        del os.environ[name]
    os.environ.update({f"PARTNER_WAREHOUSE_{name}": str(value) for name, value in given.items()})
    pipeline.after_posting = lambda *_, **__: None
    try:
        yield
    finally:
        pipeline.after_posting = refresh
        os.environ.clear()
        os.environ.update(kept)


def approve(period: str) -> None:
    """Draft, submit and approve a month with the commands. The gate on drafts is held at every fifth, for its time."""
    check = gates.check
    if PERIODS.index(period) % 5:
        gates.check = lambda *_, **__: None
    for action, user in (("draft", "ana"), ("submit", "ana"), ("approve", "ben")):
        assert cli.main(["payouts", action, period, "--user", user]) == 0, (period, action)
    gates.check = check
