"""What is wrong with a plan is said before anything is computed: file, row, field, and what was expected."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from partner_warehouse.errors import BadInputError
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.plans import SEEDS, validate
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse.runner import prepare

FILES = ("commission_plans", "commission_rates", "commission_bonuses", "commission_exclusions")


@pytest.fixture
def plans(home: Path, tmp_path: Path) -> Path:
    """A directory with the shipped plans, to be spoilt."""
    directory = tmp_path / "plans"
    directory.mkdir()
    for name in FILES:
        shutil.copyfile(SEEDS / f"{name}.csv", directory / f"{name}.csv")
    return directory


def edit(directory: Path, name: str, row: int, **values: str) -> None:
    """Change fields of one row; the header is row 1."""
    path = directory / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    records[row - 2].update(values)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)


def complaints(directory: Path) -> str:
    with pytest.raises(BadInputError) as caught:
        validate(load_settings(plans=directory))
    return str(caught.value)


def test_the_shipped_plans_are_right(settings: Settings) -> None:
    validate(settings)


@pytest.mark.parametrize(
    ("name", "row", "values", "expected"),
    [
        (
            "commission_rates",
            2,
            {"rate": "1.2"},
            "commission_rates.csv, row 2, field rate: '1.2' is not a number from 0 to 1",
        ),
        ("commission_rates", 2, {"rate": "-0.1"}, "commission_rates.csv, row 2, field rate"),
        ("commission_rates", 2, {"rate": ""}, "commission_rates.csv, row 2, field rate: is empty"),
        ("commission_rates", 3, {"from_value": "40000"}, "row 3, field from_value: 40000 overlaps the band in row 2"),
        (
            "commission_rates",
            3,
            {"from_value": "60000"},
            "row 3, field from_value: 60000 leaves a gap after the band in row 2",
        ),
        ("commission_rates", 3, {"to_value": "50000"}, "row 3, field to_value: 50000 is not above from_value 50000"),
        ("commission_rates", 2, {"plan_id": "nobody"}, "row 2, field plan_id: plan nobody version 1 is not in"),
        ("commission_rates", 2, {"component": "share"}, "row 2, field component: 'share' is not one of percentage"),
        (
            "commission_plans",
            2,
            {"currency": "USX"},
            "commission_plans.csv, row 2, field currency: unknown currency 'USX'",
        ),
        ("commission_plans", 2, {"timezone": "Mars"}, "row 2, field timezone: unknown time zone 'Mars'"),
        ("commission_plans", 2, {"tier_mode": "stepped"}, "row 2, field tier_mode: 'stepped' is not one of marginal"),
        ("commission_plans", 2, {"earn_window": "months:0"}, "row 2, field earn_window: 'months:0' is not first_year"),
        ("commission_plans", 2, {"effective_to": "2019-01-01"}, "row 2, field effective_to: 2019-01-01 is not after"),
        (
            "commission_plans",
            2,
            {"effective_from": "soon"},
            "row 2, field effective_from: 'soon' is not a date YYYY-MM-DD",
        ),
        ("commission_plans", 3, {"plan_id": "reseller-standard", "version": "2"}, "on 2020-01-01, while version 1"),
        (
            "commission_plans",
            3,
            {"plan_id": "reseller-standard"},
            "row 3, field version: plan reseller-standard version 1 is in row 2",
        ),
        ("commission_plans", 7, {"model": "hybrid"}, "row 7, field model: a hybrid plan needs fixed_fee rows"),
        ("commission_plans", 2, {"crediting_model": "luck"}, "row 2, field crediting_model: 'luck' is not one of"),
        ("commission_bonuses", 2, {"metric": "smiles"}, "commission_bonuses.csv, row 2, field metric: 'smiles'"),
        (
            "commission_bonuses",
            4,
            {"value": "5"},
            "commission_bonuses.csv, row 4, field value: '5' is not a number from 0 to 1",
        ),
    ],
)
def test_names_file_row_and_field(plans: Path, name: str, row: int, values: dict[str, str], expected: str) -> None:
    edit(plans, name, row, **values)
    assert expected in complaints(plans)


def test_all_faults_are_told_at_once(plans: Path) -> None:
    edit(plans, "commission_plans", 2, currency="USX", timezone="Mars")
    edit(plans, "commission_rates", 2, rate="7")
    message = complaints(plans)
    assert message.splitlines()[0].endswith("(and 2 more)")
    assert len(message.splitlines()) == 4


def test_a_missing_file_and_a_missing_column(plans: Path) -> None:
    (plans / "commission_rates.csv").write_text("plan_id,version\n", encoding="utf-8")
    assert "commission_rates.csv, row 1: missing columns component, from_value" in complaints(plans)
    (plans / "commission_rates.csv").unlink()
    assert "commission_rates.csv: the file is missing" in complaints(plans)


def test_a_directory_may_have_no_bonuses_and_no_exclusions(plans: Path) -> None:
    (plans / "commission_bonuses.csv").unlink()
    (plans / "commission_exclusions.csv").unlink()
    validate(load_settings(plans=plans))


@pytest.mark.parametrize(("model", "is_right"), [("fixed_fee", True), ("percentage", False)])
def test_only_what_earns_on_cash_declares_tiers_and_a_window(plans: Path, model: str, is_right: bool) -> None:
    with (plans / "commission_plans.csv").open(encoding="utf-8", newline="") as file:
        row = next(number for number, record in enumerate(csv.DictReader(file), 2) if record["model"] == model)
    edit(plans, "commission_plans", row, tier_basis="", tier_mode="", earn_window="")
    if is_right:
        validate(load_settings(plans=plans))
    else:
        assert "field earn_window: '' is not first_year, months:N or lifetime" in complaints(plans)


def test_an_enrolment_with_no_plan_stops_before_the_build(settings: Settings) -> None:
    inbox = settings.inbox_dir / "enrolments"
    inbox.mkdir(parents=True)
    (inbox / "e.csv").write_text(
        "enrolment_id,partner_id,programme,plan_id,starts_on\nE1,P1,reseller,reseller-standard,2026-01-01\n"
        "E2,P1,reseller,no-such-plan,2026-01-01\n",
        encoding="utf-8",
    )
    ingest("files", "enrolments", settings)
    with pytest.raises(BadInputError, match=r"field plan_id: enrolment E2 has plan 'no-such-plan'") as caught:
        prepare(settings)
    assert "e.csv" in str(caught.value)
