"""What lands while a build runs: the build sees none of it, and the next one all of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1] / "commissions"))

from commission_cases import SCENARIOS, lay_out

from partner_warehouse import pipeline
from partner_warehouse.extract.ingest import ingest_source
from partner_warehouse.publish import snapshot
from partner_warehouse.quality import gates
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import runner

AS_OF = datetime(2026, 3, 10, tzinfo=UTC)
LATE = "v05-invoice-in-parts-late"


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An invoice that is paid in parts, landed."""
    settings = lay_out([SCENARIOS / "v05_invoice_in_parts"], tmp_path / "home")
    for name, value in {"HOME": settings.home, "PLANS": settings.plans, "SOURCES": "files"}.items():
        monkeypatch.setenv(f"PARTNER_WAREHOUSE_{name}", str(value))
    pipeline.ingest(settings)
    return settings


def published(settings: Settings, query: str) -> list[Any]:
    with duckdb.connect(str(settings.published_path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def test_what_lands_between_two_steps_of_a_build_waits_for_the_next_build(company: Settings) -> None:
    """It passed neither the gate of the landing nor that of staging, and half of the models were built without it."""
    pipeline.prepare(company, as_of=AS_OF)
    gates.check("landing", company)
    runner.build("staging", company)
    gates.check("staging", company)
    (company.inbox_dir / "payments" / "late.csv").write_text(
        "payment_id,invoice_id,amount,from_credit,currency,paid_at\n"
        f"{LATE},v05-invoice-in-parts-I1,0.01,,USD,2026-03-01T12:00:00Z\n",
        encoding="utf-8",
    )
    landed = [outcome for outcome in ingest_source("files", company) if outcome.is_new]
    assert [(outcome.object, outcome.landed) for outcome in landed] == [("payments", 1)]
    runner.build("marts", company)
    gates.check("marts", company)
    snapshot.publish(company)
    movements = "SELECT DISTINCT movement_id FROM finance.commission_lines WHERE movement_id LIKE '%late'"
    known = "SELECT known_at >= (SELECT max(loaded_at) FROM ops.loads) FROM ops.run_parameters"
    late_loads = f"SELECT count(*) FROM ops.loads WHERE load_id = '{landed[0].load_ids[0]}'"
    assert published(company, movements) == []
    assert published(company, late_loads) == [(0,)]
    assert published(company, known) == [(True,)]
    pipeline.build(company, as_of=AS_OF)
    assert published(company, movements) == [(LATE,)]
    assert published(company, late_loads) == [(1,)]
    assert published(company, known) == [(True,)]
