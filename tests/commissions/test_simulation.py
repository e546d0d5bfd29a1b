"""Plans replayed over history: the same plans change nothing, others what they should, and nothing is touched."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from commission_cases import (
    SCENARIOS,
    approve,
    build_commissions,
    installation,
    lay_out,
    publish,
    publish_postings,
)

from partner_warehouse import cli
from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.simulation import Difference, simulate
from partner_warehouse.settings import Settings, load_settings

TIERS, PARTS = "v01_tiers_marginal", "v05_invoice_in_parts"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings: Settings = lay_out([SCENARIOS / TIERS, SCENARIOS / PARTS], tmp_path_factory.mktemp("simulation") / "home")
    build_commissions(settings)
    return settings


@pytest.fixture
def changed(company: Settings, tmp_path: Path) -> Callable[..., Path]:
    def change(name: str, old: str, new: str) -> Path:
        directory = tmp_path / "plans"
        assert company.plans is not None
        shutil.copytree(company.plans, directory)
        text = (directory / name).read_text(encoding="utf-8")
        assert old in text
        (directory / name).write_text(text.replace(old, new), encoding="utf-8")
        return directory

    return change


def replay(company: Settings, plans: Path, first: str = "2020-01", last: str = "2027-06") -> tuple[Difference, ...]:
    return simulate(plans, Period.parse(first), Period.parse(last), company, progress=lambda _: None)


def fingerprint(settings: Settings) -> str:
    return hashlib.sha256(settings.warehouse_path.read_bytes()).hexdigest()


def total(rows: tuple[Difference, ...], name: str) -> Decimal:
    return sum((getattr(row, name) for row in rows), Decimal())


def test_the_plans_in_force_change_nothing(
    company: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARTNER_WAREHOUSE_HOME", str(company.home))
    monkeypatch.setenv("PARTNER_WAREHOUSE_PLANS", str(company.plans))
    before = fingerprint(company)
    span = ("--from", "2020-01", "--to", "2027-06", "--format", "csv")
    assert cli.main(["simulate", "--plans", str(company.plans), *span]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert all(Decimal(row[name]) == 0 for row in rows for name in ("earned_difference", "payable_difference"))
    # 28.00 by tiers, and 41.67 + 41.66 + 41.67 of an invoice in parts.
    assert sum(Decimal(row["current_earned"]) for row in rows) == Decimal("153.00")
    assert sum(Decimal(row["simulated_payable"]) for row in rows) == Decimal("153.00")
    assert fingerprint(company) == before


def test_no_directory_of_plans_is_bad_usage(company: Settings) -> None:
    with pytest.raises(BadInputError, match="--plans takes a directory"):
        replay(company, company.home / "nowhere")


def test_another_tier_mode_pays_its_difference(company: Settings, changed: Callable[..., Path]) -> None:
    rows = replay(company, changed("commission_plans.csv", "calendar_year,marginal", "calendar_year,whole"))
    tiers = tuple(row for row in rows if row.simulated_earned != row.current_earned or row.partner_id.startswith("v01"))
    # Vector 1: 28.00 marginal, 40.00 whole.
    assert total(tiers, "current_earned") == Decimal("28.00")
    assert total(tiers, "simulated_earned") == Decimal("40.00")
    others = [row for row in rows if row not in tiers]
    assert others
    assert all(row.earned_difference == 0 for row in others)


def test_another_minimum_moves_what_is_paid_and_not_what_is_earned(
    company: Settings, changed: Callable[..., Path]
) -> None:
    plan = "lifetime,0,0,,,,half_up,UTC"
    rows = replay(company, changed("commission_plans.csv", plan, "lifetime,0,100,,,,half_up,UTC"))
    assert all(row.earned_difference == 0 for row in rows)
    parts = [row for row in rows if row.simulated_earned in (Decimal("41.67"), Decimal("41.66"))]
    # Carried twice, then paid whole.
    assert [row.simulated_payable for row in parts] == [Decimal(0), Decimal(0), Decimal("125.00")]
    assert [row.current_payable for row in parts] == [Decimal("41.67"), Decimal("41.66"), Decimal("41.67")]


def test_wrong_plans_are_told_as_in_a_run(company: Settings, changed: Callable[..., Path]) -> None:
    with pytest.raises(BadInputError, match=r"commission_rates\.csv.*rate"):
        replay(company, changed("commission_rates.csv", "0.08", "1.08"))


def test_months_in_the_wrong_order_are_bad_usage(company: Settings) -> None:
    assert company.plans is not None
    with pytest.raises(BadInputError, match="is after"):
        replay(company, company.plans, "2026-05", "2026-04")


def test_a_copied_home_is_replayed_from_its_own_landing(tmp_path: Path) -> None:
    """Also before its first run, while the views in its warehouse still look at the home that it was copied from."""
    first = lay_out([SCENARIOS / PARTS], tmp_path / "first")
    build_commissions(first)
    shutil.copytree(first.home, tmp_path / "copied")
    shutil.rmtree(first.home)
    copied = load_settings(home=tmp_path / "copied", plans=tmp_path / "copied" / "plans", sources=("files",))
    before = fingerprint(copied)
    assert copied.plans is not None
    rows = replay(copied, copied.plans)
    assert total(rows, "current_earned") == total(rows, "simulated_earned") == Decimal("125.00")
    assert fingerprint(copied) == before


def test_a_hold_after_the_payout_is_no_effect_of_the_plans(tmp_path: Path) -> None:
    company = lay_out([SCENARIOS / PARTS], tmp_path / "home")
    partner = "v05-invoice-in-parts-P1"
    with installation(company):
        build_commissions(company)
        publish(company, company.published_path)
        approve("2026-01")
        approve("2026-02")
        publish_postings(company)
    holds = company.inbox_dir / "holds" / "holds.csv"
    holds.parent.mkdir()
    holds.write_text(
        f"hold_id,partner_id,movement_id,reason,placed_at,released_at\nh,{partner},,fraud_flag,2026-04-01T00:00:00Z,\n",
        encoding="utf-8",
    )
    build_commissions(company)
    assert company.plans is not None
    plans = tmp_path / "plans"
    shutil.copytree(company.plans, plans)
    rates = plans / "commission_rates.csv"
    rates.write_text(rates.read_text(encoding="utf-8").replace("0.125", "0.15"), encoding="utf-8")
    # March was not posted before the hold: it is held under both plans.
    assert [(row.period, row.current_earned, row.simulated_earned) for row in replay(company, plans)] == [
        ("2026-01", Decimal("41.67"), Decimal("50.00")),
        ("2026-02", Decimal("41.66"), Decimal("50.00")),
    ]
