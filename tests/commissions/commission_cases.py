"""Lays out commission cases as an installation and builds it."""

from __future__ import annotations

import csv
import shutil
from datetime import UTC, datetime
from pathlib import Path

from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse.runner import build, prepare

SCENARIOS = Path(__file__).parents[1] / "scenarios" / "commissions"
AS_OF = datetime(2027, 6, 30, tzinfo=UTC)
PLAN_FILES = ("commission_plans", "commission_rates", "commission_bonuses", "commission_exclusions")


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
    for case in cases:
        for source in sorted((case / "inputs").glob("*.csv")):
            target = home / "inbox" / source.stem / f"{case.name}.csv"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for name in PLAN_FILES:
        texts = [
            path.read_text(encoding="utf-8") for case in cases if (path := case / "plans" / f"{name}.csv").exists()
        ]
        if texts:
            header = texts[0].splitlines(keepends=True)[:1]
            rows = [line for text in texts for line in text.splitlines(keepends=True)[1:]]
            (plans / f"{name}.csv").write_text("".join(header + rows), encoding="utf-8")
    return load_settings(home=home, plans=plans, sources=("files",))


def build_commissions(settings: Settings, as_of: datetime = AS_OF) -> None:
    """From the inbox to the tables of finance, with all their tests."""
    ingest_source("files", settings)
    prepare(settings, as_of=as_of)
    build("marts", settings, select="+path:models/marts/finance")
