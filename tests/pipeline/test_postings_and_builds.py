"""A posting beside a build that has not ended well: it is landed, and nothing of the half-built is published."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.append(str(Path(__file__).parents[1] / "commissions"))

from commission_cases import SCENARIOS, lay_out

from partner_warehouse import cli, pipeline
from partner_warehouse.errors import GateFailedError, PartnerWarehouseError
from partner_warehouse.ledger.payouts import PayoutState
from partner_warehouse.publish import snapshot
from partner_warehouse.quality import gates
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import runner

FEBRUARY, MARCH = datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """January is submitted, from the publication of 10 February."""
    settings = lay_out([SCENARIOS / "v05_invoice_in_parts"], tmp_path / "home")
    given = {"HOME": settings.home, "PLANS": settings.plans, "SOURCES": "files", "APPROVERS": "ben"}
    for name, value in given.items():
        monkeypatch.setenv(f"PARTNER_WAREHOUSE_{name}", str(value))
    pipeline.run(settings, as_of=FEBRUARY)
    for action in ("draft", "submit"):
        assert payouts(action, "2026-01", "ana") == 0
    return settings


def payouts(action: str, period: str, user: str) -> int:
    return cli.main(["payouts", action, period, "--user", user, *["--no-statements"] * (action == "export")])


def published(settings: Settings) -> tuple[datetime, list[Any]]:
    """What the publication was computed for, and the months that it has as posted."""
    with duckdb.connect(str(settings.published_path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        (as_of,) = connection.execute("SELECT as_of FROM ops.run_parameters").fetchall()[0]
        posted = connection.execute("SELECT DISTINCT period, status FROM finance.approved_payouts").fetchall()
    return as_of.astimezone(UTC), posted


def posted(period: str, payout_count: int) -> PayoutState:
    return PayoutState(period, "approved", 1, "", payout_count, payout_count, (), "ana", "ana", "ben", "")


def fail(*_: Any) -> None:
    raise GateFailedError("dbt layer marts: 1 tests failed")


def test_what_a_build_left_half_done_is_published_by_no_posting(
    company: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_is_published(action: str, user: str) -> None:
        capsys.readouterr()
        assert payouts(action, "2026-01", user) == 0
        told = capsys.readouterr().err
        assert told.startswith("2026-01 is ")
        assert "and not published yet: the warehouse is not whole" in told.splitlines()[0]
        assert "partner-warehouse run" in told.splitlines()[0]
        assert published(company) == (FEBRUARY, [])

    pipeline.prepare(company, as_of=MARCH)  # and killed
    nothing_is_published("approve", "ben")
    # February has not ended in what is published, and what was posted counts at once.
    assert payouts("draft", "2026-02", "ana") == 2
    assert "has not ended" in capsys.readouterr().err
    gates.check("landing", company)
    runner.build("staging", company)
    nothing_is_published("export", "ana")
    gates.check("staging", company)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "_dbt", fail)
        with pytest.raises(GateFailedError):
            runner.build("marts", company)
    nothing_is_published("paid", "ana")
    with pytest.raises(PartnerWarehouseError, match="not whole"):
        snapshot.publish(company)
    runner.build("marts", company)
    # All is built: a posting holds the gate itself.
    assert payouts("export", "2026-01", "ana") == 0
    assert published(company) == (MARCH, [("2026-01", "paid")])
    assert payouts("draft", "2026-02", "ana") == 0


def test_where_nothing_is_published_no_month_is(settings: Settings) -> None:
    """A posted month is exported all the same, from a home whose publication is gone."""
    assert not pipeline.publishes(settings, posted("2026-01", 1))


def test_a_month_without_payouts_has_nothing_to_be_published(company: Settings) -> None:
    """It is not published anew whenever it is exported; a month with payouts is, where it does not stand there."""
    assert pipeline.publishes(company, posted("2026-01", 0))
    assert not pipeline.publishes(company, posted("2026-01", 1))
