"""The production topology without containers: PostgreSQL under Airflow and under the ledger, and one whole main job."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from secrecy import bank_accounts, leaks, personal_values, texts_of_duckdb, texts_of_home, texts_of_postgres

from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.sandbox import bank_vault, calendar
from partner_warehouse.sandbox.main_job import APPROVER, MainJob
from partner_warehouse.sandbox.servers.common import SECRET
from partner_warehouse.sandbox.steps import APPROVED_THROUGH_AIRFLOW, closed_months
from partner_warehouse.settings import Settings, load_settings

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

SCALE = 0.05
"""A twentieth of the sample company."""


MARK = "zoe.marked@private.example"
MARKED_CONTACTS = f"""contact_id,customer_id,email,created_at
marked-1,nobody,{MARK},the day after {MARK}
"{MARK}",nobody,{MARK}
"""
"""Rows that are set aside, with a person's address where an instant belongs, and in a row that is too short."""


@dataclass(frozen=True)
class Done:
    """What a main job has left behind."""

    settings: Settings
    printed: str
    airflow_database: str

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.settings.published_path), read_only=True) as marts:
            return marts.execute(query).fetchall()


@pytest.fixture(scope="module")
def done(new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    home: Path = tmp_path_factory.mktemp("main_job")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("PARTNER_WAREHOUSE_", "AIRFLOW_CONN_"))]:
            patch.delenv(name)
        settings = load_settings(
            home=home,
            as_of=calendar.AS_OF,
            approvers=(APPROVER,),
            ledger_url=new_database("postgresql+psycopg"),
        )
        marked = home / "inbox" / "contacts" / "marked.csv"
        marked.parent.mkdir(parents=True)
        marked.write_text(MARKED_CONTACTS, encoding="utf-8")
        output = io.StringIO()
        console = Console(file=output, width=160)
        airflow = new_database("postgresql+psycopg2")
        MainJob(settings, console, database_url=airflow, scale=SCALE).run()
        yield Done(settings, output.getvalue(), airflow.replace("+psycopg2", "", 1))


def test_every_closed_month_but_the_newest_is_approved_in_the_ledger_and_published(done: Done) -> None:
    states = {state.period: state for state in PayoutService(done.settings).states()}
    *approved, waiting = closed_months()
    assert list(states) == closed_months()
    assert [states[period].status for period in approved[:-APPROVED_THROUGH_AIRFLOW]] == ["paid"] * (
        len(approved) - APPROVED_THROUGH_AIRFLOW
    )
    assert {states[period].status for period in approved[-APPROVED_THROUGH_AIRFLOW:]} == {"exported"}
    assert {states[period].approved_by for period in approved} == {APPROVER}
    assert states[waiting].status == "submitted"
    published = {period for (period,) in done.rows("select distinct period from finance.approved_payouts")}
    with_payouts = {period for period in approved if states[period].payout_count}
    assert published == with_payouts
    assert set(approved[-APPROVED_THROUGH_AIRFLOW:]) <= published


def test_what_was_approved_through_airflow_is_exported_and_ties(done: Done) -> None:
    service = PayoutService(done.settings)
    for period in closed_months()[-APPROVED_THROUGH_AIRFLOW - 1 : -1]:
        state = service.state(period)
        assert state is not None
        assert state.status == "exported"
        directory = done.settings.home / "exports" / period
        control = json.loads((directory / "control.json").read_text())
        statements = json.loads((directory / "statements-control.json").read_text())
        bank = control["bank"]
        assert bank["payments"] + bank["exceptions"] == control["rows"]
        assert control["totals"] == statements["totals"]
        assert (control["payouts"], control["lines"]) == (statements["rows"], statements["lines"])
        assert statements["statements"] == len(list((directory / "statements").glob("*.pdf")))


def test_money_ties_and_credits_sum_to_one(done: Done) -> None:
    assert done.rows("select count(*) > 0, bool_and(difference = 0) from finance.reconciliation") == [(True, True)]
    unequal = "select conversion_id, model from attribution.credits group by all having sum(credit) <> 1"
    assert done.rows(unequal) == []
    posted = """
        select payouts.payout_id
        from finance.approved_payouts as payouts
        left join finance.approved_payout_lines as lines using (payout_id)
        group by all
        having any_value(payouts.earned + payouts.adjustments) <> coalesce(sum(lines.amount), 0)
    """
    assert done.rows(posted) == []


def test_every_gate_was_held_and_every_kpi_has_a_row(done: Done) -> None:
    stages = {stage for (stage,) in done.rows("select distinct stage from ops.gate_results where success")}
    assert stages >= {"landing", "staging", "marts", "publication"}
    assert done.rows("select count(distinct kpi_code) from kpi.monthly where dimension = 'all'") == [(20,)]


def test_what_was_broken_is_set_aside_and_said(done: Done) -> None:
    assert done.rows("select count(*) > 0 from ops.quarantine") == [(True,)]
    for heading in ("KPIs of", "Top partners", "Posted payouts", "Set aside", "Where to look"):
        assert heading in done.printed


def test_nothing_is_left_running(done: Done) -> None:
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(done.settings.home) not in processes


PUBLISHED = {
    "finance": {
        "approved_payouts",
        "approved_payout_lines",
        "commission_lines",
        "accruals",
        "exclusions",
        "reconciliation",
    },
    "attribution": {"credits", "markov", "by_partner_monthly"},
    "kpi": {"monthly", "daily", "weekly", "quarterly", "yearly"},
    "partners": {
        "scorecard_monthly",
        "dim_partner",
        "tier_history",
        "recruitment",
        "onboarding",
        "activities",
    },
    "ops": {"gate_results", "loads", "quarantine", "freshness"},
}
"""What others rely on."""


def test_every_table_that_others_rely_on_is_published_and_filled(done: Done) -> None:
    for schema, tables in PUBLISHED.items():
        for table in tables:
            assert done.rows(f'SELECT count(*) FROM "{schema}"."{table}"') > [(0,)], f"{schema}.{table}"


def test_no_published_number_is_a_float(done: Done) -> None:
    floats = done.rows(
        "SELECT schema_name || '.' || table_name || '.' || column_name FROM duckdb_columns() "
        "WHERE NOT internal AND data_type IN ('DOUBLE', 'FLOAT')"
    )
    assert floats == []


def test_no_secret_and_no_person_is_in_a_log_an_xcom_or_a_publication(done: Done) -> None:
    """Looks at all that a whole run leaves, but for the data themselves, for every value that was marked or landed."""
    home = done.settings.home
    people = personal_values(done.settings.landing_dir) | {MARK}
    assert len(people) > 50
    kept = [json.loads((home / "airflow" / name).read_text()) for name in ("passwords.json", "keys.json")]
    # What begins an access token of the sandbox's Salesforce.
    hidden = {SECRET, "00DgK0000000001!", *(value for secrets in kept for value in secrets.values())}
    accounts = bank_accounts(bank_vault.path_of(home))
    assert len(accounts) > 5
    hidden |= accounts

    read = [("printed", done.printed), *texts_of_home(home)]
    assert {"logs/airflow-scheduler.log", "logs/sandbox.log"} <= {place for place, _ in read}
    assert any(place.startswith("airflow/logs/") for place, _ in read)
    assert any(place.endswith("run_results.json") for place, _ in read)
    assert any(place.startswith("gates/") for place, _ in read)
    assert leaks(read, people | hidden) == []

    stored = list(texts_of_postgres(done.airflow_database))
    assert dict(stored)["public.xcom"]
    assert leaks(stored, people | hidden) == []

    published = list(texts_of_duckdb(done.settings.published_path))
    assert "contacts/marked.csv" in dict(published)["ops.quarantine"]
    assert leaks(published, people | hidden) == []
