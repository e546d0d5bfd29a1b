"""Partners' roles, the reports and the ten models that pay, over a company small enough to be worked out by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from attribution_warehouse import MARTS, build_attribution
from marts_company import CLOSE, DAY, IN_PLAY, MODELS, marts_company, write_plans

from partner_warehouse.errors import GateFailedError
from partner_warehouse.quality import gates, suites
from partner_warehouse.settings import Settings, load_settings

JULY, AUGUST = date(2024, 7, 1), date(2024, 8, 1)


@pytest.fixture(scope="module")
def settings_of_marts(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The company, built once with its commissions."""
    home = tmp_path_factory.mktemp("marts") / "home"
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PARTNER_WAREHOUSE_")}
    try:
        write_plans(home / "plans")
        settings = load_settings(home=home, plans=home / "plans", sources=("files",))
        marts_company().write(settings.inbox_dir)
        build_attribution(settings, select=f"{MARTS} +path:models/marts/finance").close()
    finally:
        os.environ.update(kept)
    return settings


@pytest.fixture(scope="module")
def marts(settings_of_marts: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(settings_of_marts.warehouse_path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def one(marts: duckdb.DuckDBPyConnection, table: str, columns: str, **key: object) -> tuple[Any, ...]:
    """The only row of a mart that has these values."""
    where = " AND ".join(f"{column} = ?" for column in key)
    rows = marts.execute(f"SELECT {columns} FROM attribution.{table} WHERE {where}", list(key.values())).fetchall()
    assert len(rows) == 1, (table, key, rows)
    return rows[0]


# What part a partner has in a deal


ROLES = {
    "in_force": {
        "P1": ("sourced", "registration", "stronger_basis", True),
        "P2": ("assisted", "referral", "stronger_basis", True),
        "P3": ("assisted", "crm_role", "stronger_basis", True),
    },
    "lapsed": {
        "P1": ("assisted", "registration", "stronger_basis", True),
        "P2": ("sourced", "referral", "stronger_basis", True),
    },
    "refused": {
        "P1": ("influenced", "registration", "stronger_basis", True),
        "P2": ("sourced", "referral", "stronger_basis", True),
        "P3": ("assisted", "crm_role", "stronger_basis", True),
    },
    "ends_at_close": {
        "P1": ("assisted", "registration", "stronger_basis", True),
        "P2": ("sourced", "crm_role", "stronger_basis", True),
    },
    "a_second_left": {
        "P1": ("sourced", "registration", "stronger_basis", True),
        "P2": ("assisted", "crm_role", "stronger_basis", True),
    },
    "lapsed_alone": {"P1": ("sourced", "crm_role", "only_claim", False)},
    "programme": {
        "TECH": ("sourced", "registration", "stronger_basis", True),
        "P2": ("assisted", "referral", "stronger_basis", True),
    },
    "two": {
        "P1": ("sourced", "registration", "earlier", True),
        "P2": ("assisted", "registration", "earlier", True),
    },
    "agreed": {
        "P1": ("sourced", "registration", "agreed_shares", False),
        "P2": ("sourced", "registration", "agreed_shares", False),
    },
    "stated": {
        "P1": ("sourced", "crm_role", "stated_share", True),
        "P2": ("assisted", "crm_role", "stated_share", True),
    },
    "late": {
        "P1": ("influenced", "referral", None, False),
        "P2": ("influenced", "touch", None, False),
        "P3": ("assisted", "touch", None, False),
    },
    "referred_twice": {
        "P2": ("sourced", "referral", "earlier", True),
        "P1": ("assisted", "referral", "earlier", True),
    },
    "role": {
        "P1": ("sourced", "crm_role", "only_claim", False),
        "P2": ("influenced", "crm_role", None, False),
        "P3": ("influenced", "touch", None, False),
    },
    "open": {"P1": ("sourced", "registration", "only_claim", False)},
}


@pytest.mark.parametrize("deal_id", ROLES)
def test_who_sourced_influenced_and_assisted(marts: duckdb.DuckDBPyConnection, deal_id: str) -> None:
    rows = marts.execute(
        "SELECT partner_id, role, basis, decided_by, is_conflict FROM attribution.partner_roles WHERE deal_id = ?",
        [deal_id],
    ).fetchall()
    assert {partner_id: tuple(rest) for partner_id, *rest in rows} == ROLES[deal_id]


def test_a_role_names_the_instants_that_decided(marts: duckdb.DuckDBPyConnection) -> None:
    columns = "programme, registration_days, approved_at, protected_until, decided_at, registration_state, sourced_by"
    assert one(marts, "partner_roles", columns, deal_id="ends_at_close", partner_id="P1") == (
        None, 90, CLOSE - 90 * DAY, CLOSE, CLOSE, "lapsed", "P2",
    )  # fmt: skip
    assert one(marts, "partner_roles", columns, deal_id="programme", partner_id="TECH") == (
        "technology", 180, CLOSE - 110 * DAY, CLOSE + 70 * DAY, CLOSE, "in_force", "TECH",
    )  # fmt: skip
    columns = "evidence_id, happened_at, in_play_at, touches, touches_in_play, sourced_by"
    assert one(marts, "partner_roles", columns, deal_id="late", partner_id="P2") == (
        "touches", IN_PLAY + 31 * DAY, IN_PLAY, 1, 1, None,
    )  # fmt: skip
    assert one(marts, "partner_roles", columns, deal_id="referred_twice", partner_id="P1") == (
        "lead:referred_twice-P1-L", IN_PLAY - 2 * DAY, IN_PLAY, 0, 0, "P2",
    )  # fmt: skip
    as_of = datetime(2026, 1, 1, tzinfo=UTC)
    assert one(marts, "partner_roles", "decided_at, is_won", deal_id="open", partner_id="P1") == (as_of, False)


def test_a_role_changes_nothing_of_what_is_paid(marts: duckdb.DuckDBPyConnection) -> None:
    """Losing the quarrel leaves the share: who is paid is the plan's, not the role's."""
    shares = "SELECT partner_id, share FROM attribution.partner_roles WHERE deal_id = 'two' ORDER BY ALL"
    assert marts.execute(shares).fetchall() == [("P1", Decimal("0.5")), ("P2", Decimal("0.5"))]


def test_self_referrals_are_flagged(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        "SELECT deal_id, partner_id, role, self_referral_reason FROM attribution.partner_roles "
        "WHERE is_self_referral OR deal_id = 'free_mail' ORDER BY ALL"
    ).fetchall()
    assert rows == [
        ("free_mail", "MAIL", "sourced", None),
        ("named", "NAMED", "sourced", "same_name"),
        ("own_domain", "SELF", "sourced", "same_domain"),
        ("own_person", "SELF", "sourced", "contact_domain"),
    ]


def test_a_lead_with_the_id_of_a_deal_has_credits_of_its_own(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        "SELECT conversion_id, conversion_kind, sum(credit), sum(amount) FROM attribution.credits "
        "WHERE model = 'linear' AND conversion_id IN ('M3', 'lead:M3') GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert rows == [("M3", "deal", Decimal(1), Decimal(50)), ("lead:M3", "lead", Decimal(1), Decimal(0))]
    by_key = "SELECT 1 FROM attribution.credits GROUP BY conversion_id, model, touchpoint_id HAVING count(*) > 1"
    assert marts.execute(by_key).fetchall() == []


# The ten models that pay


PAID = {
    "first_touch": {"A": "100.00"},
    "last_touch": {"B": "100.00"},
    "last_non_direct": {"A": "100.00"},
    "linear": {"A": "40.00", "B": "40.00"},
    # Of equal thirds the earlier touches have the odd 10^-12, here one of B: it decides who has the odd cent.
    "position": {"A": "46.66", "B": "46.67"},
    "w_shaped": {"A": "63.34", "B": "33.33"},
    "full_path": {"A": "50.00", "B": "45.00"},
    "time_decay": {"A": "29.03", "B": "64.52"},
}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_pay(marts: duckdb.DuckDBPyConnection, model: str) -> None:
    """A tenth of what was collected, times the partner's credits under its plan's model, to the cent.

    What a movement pays is shared in whole cents by largest remainder, so that they never sum to more than it pays.
    """
    paid = dict(
        marts.execute(
            "SELECT partner_id, sum(amount) FROM finance.commission_lines WHERE starts_with(plan_id, 'by-') "
            "AND plan_id = 'by-' || ? GROUP BY partner_id",
            [model],
        ).fetchall()
    )
    credited = marts.execute(
        "SELECT partner_id, sum(credit) * 100 FROM attribution.credits "
        "WHERE model = ? AND conversion_id = 'pay_' || model AND partner_id IS NOT NULL GROUP BY partner_id",
        [model],
    ).fetchall()
    exact = dict(credited)
    assert paid.keys() == exact.keys()
    assert all(abs(paid[partner_id] - exact[partner_id]) < Decimal("0.01") for partner_id in exact)
    assert abs(sum(paid.values()) - sum(exact.values())) < Decimal("0.01")
    if model in PAID:
        assert paid == {f"{model}-{side}": Decimal(amount) for side, amount in PAID[model].items()}


# The reports


def test_a_conversion_is_rounded_once_and_its_cents_shared_out(marts: duckdb.DuckDBPyConnection) -> None:
    """111.11 among three: two touches earn 37.04, the last 37.03; one by one they would all be 37.04."""
    columns = "revenue, deals"
    key = {"month": JULY, "model": "linear"}
    third = Decimal("0.333333333333")
    nano = Decimal("0.000000000001")
    assert one(marts, "by_channel_monthly", columns, **key, channel="webinar") == (Decimal("37.03"), third)
    assert one(marts, "by_channel_monthly", columns, **key, channel="partner_link") == (Decimal("37.04"), third)
    assert one(marts, "by_channel_monthly", columns, **key, channel="newsletter") == (
        Decimal("37.04"), 1 + third + nano,
    )  # fmt: skip
    assert one(marts, "by_partner_monthly", columns, **key, partner_id="PM") == (Decimal("74.07"), 2 * third)


def test_a_campaign_is_the_activity_that_a_link_or_a_response_names(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        "SELECT campaign_id, campaign_name, partner_id, conversions, revenue FROM attribution.by_campaign_monthly "
        "WHERE month = ? AND model = 'last_touch' ORDER BY ALL",
        [JULY],
    ).fetchall()
    assert rows == [
        ("A1", "Summer Talk", "PM", Decimal(1), Decimal("111.11")),
        ("flash-sale", None, None, Decimal(1), Decimal(0)),
        ("no_campaign", None, None, Decimal(1), Decimal(0)),
        ("unattributed", None, None, Decimal(1), Decimal("50.00")),
    ]
    assert one(marts, "by_campaign_monthly", "conversions, revenue", month=JULY, model="linear", campaign_id="A1") == (
        Decimal("0.666666666667"),
        Decimal("74.07"),
    )


def test_what_has_no_rate_is_counted_and_has_no_revenue(marts: duckdb.DuckDBPyConnection) -> None:
    columns = "conversions, revenue, conversions_without_rate"
    key = {"month": JULY, "model": "last_touch", "channel": "newsletter"}
    assert one(marts, "by_channel_monthly", columns, **key) == (Decimal(2), Decimal(0), Decimal(1))


def test_models_stand_side_by_side_and_every_dimension_is_the_whole(marts: duckdb.DuckDBPyConnection) -> None:
    assert one(
        marts,
        "model_comparison",
        "first_touch_revenue, last_touch_revenue, linear_revenue, position_revenue",
        month=JULY,
        dimension="channel",
        dimension_value="newsletter",
    ) == (Decimal("111.11"), Decimal(0), Decimal("37.04"), Decimal("44.45"))
    sums = ", ".join(f"sum({model}_conversions), sum({model}_revenue)" for model in MODELS)
    rows = marts.execute(
        f"SELECT dimension, {sums} FROM attribution.model_comparison WHERE month = ? GROUP BY dimension", [JULY]
    ).fetchall()
    assert {dimension for dimension, *_ in rows} == {"all", "channel", "channel_group", "campaign", "partner"}
    assert all(found == [Decimal(4), Decimal("161.11")] * 10 for _, *found in rows)


def test_reports_of_all_months_agree(marts: duckdb.DuckDBPyConnection) -> None:
    """By channel, by campaign and by conversion: the same count and the same money per month and model."""
    per_table = [
        marts.execute(
            f"SELECT month, model, sum(conversions), sum(revenue) FROM attribution.{table} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for table in ("by_channel_monthly", "by_campaign_monthly")
    ]
    assert per_table[0] == per_table[1]
    counted = marts.execute(
        "SELECT month, model, sum(conversions) FROM attribution.credit_reconciliation GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert [(month, model, conversions) for month, model, conversions, _ in per_table[0]] == counted


def test_return_on_co_marketing_spend(marts: duckdb.DuckDBPyConnection) -> None:
    """200 EUR of which the partner pays half are 110 USD; the deal of August came of the same talk."""
    columns = "revenue, own_cost, total_cost, roas, revenue_to_date, roas_to_date"
    key = {"model": "linear", "dimension": "campaign", "dimension_value": "A1"}
    assert one(marts, "roas_monthly", columns, month=JULY, **key) == (
        Decimal("74.07"), Decimal(110), Decimal(220), Decimal("0.673364"), Decimal("74.07"), Decimal("0.673364"),
    )  # fmt: skip
    assert one(marts, "roas_monthly", columns, month=AUGUST, **key) == (
        Decimal(30), Decimal(0), Decimal(0), None, Decimal("104.07"), Decimal("0.946091"),
    )  # fmt: skip
    key = {"model": "last_touch", "dimension": "partner", "dimension_value": "PM"}
    assert one(marts, "roas_monthly", "revenue, own_cost, roas", month=JULY, **key) == (
        Decimal("111.11"), Decimal(150), Decimal("0.740733"),
    )  # fmt: skip


def test_who_helps_and_who_closes(marts: duckdb.DuckDBPyConnection) -> None:
    columns = (
        "conversions, first_conversions, last_conversions, only_conversions, assisted_conversions, assist_ratio, "
        "last_revenue, assisted_revenue"
    )
    key = {"month": JULY, "dimension": "channel"}
    assert one(marts, "assisted_conversions", columns, **key, dimension_value="newsletter") == (
        3, 2, 2, 1, 1, Decimal("0.5"), Decimal(0), Decimal("111.11"),
    )  # fmt: skip
    assert one(marts, "assisted_conversions", columns, **key, dimension_value="partner_link") == (
        1, 0, 0, 0, 1, None, Decimal(0), Decimal("111.11"),
    )  # fmt: skip
    key = {"month": JULY, "dimension": "partner"}
    assert one(marts, "assisted_conversions", columns, **key, dimension_value="PM")[:5] == (1, 0, 1, 0, 0)


def test_paths_their_lengths_and_their_time(marts: duckdb.DuckDBPyConnection) -> None:
    columns = "touches, journeys, conversions, open_journeys, conversion_rate, revenue, mean_days_to_convert"
    assert one(marts, "paths", columns, path="newsletter > partner_link > webinar") == (
        3, 1, 1, 0, Decimal(1), Decimal("111.11"), Decimal(9),
    )  # fmt: skip
    assert one(marts, "paths", columns, path="podcast > podcast") == (2, 1, 0, 1, Decimal(0), Decimal(0), None)
    columns = (
        "journeys, untouched, mean_touches, most_touches, mean_channels, mean_days, median_days, days_of_nine_in_ten, "
        "revenue"
    )
    assert one(marts, "journeys_monthly", columns, month=JULY, outcome="deal") == (
        3, 1, Decimal(2), 3, Decimal(2), Decimal("5.5"), Decimal(2), Decimal(9), Decimal("161.11"),
    )  # fmt: skip
    assert one(marts, "journeys_monthly", "journeys, mean_days", month=JULY, outcome="lead") == (1, Decimal(5))
    assert one(marts, "journeys_monthly", "journeys, mean_days", month=JULY, outcome="open") == (1, Decimal(2))
    totals = [
        marts.execute(f"SELECT sum(journeys), sum(conversions), sum(revenue) FROM attribution.{table}").fetchone()
        for table in ("paths", "path_lengths")
    ]
    assert totals[0] == totals[1]


# The gate


@pytest.fixture
def attribution_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate `marts`, of the attribution's tables alone: no other mart is built here."""
    found = [suite for suite in suites.load_suites("marts") if suite.schema == "attribution"]
    monkeypatch.setattr(gates, "load_suites", lambda _: tuple(found))


FAULTS = {
    "a conversion lost": (
        "DELETE FROM attribution.credits WHERE conversion_id = 'M1' AND model = 'linear'",
        "attribution.credit_reconciliation: ",
        "month=2024-07-01 model=linear",
    ),
    "a cent too many": (
        "UPDATE attribution.credits SET amount = amount + 0.01 WHERE conversion_id = 'M3' AND model = 'markov'",
        "attribution.credit_reconciliation: ",
        "month=2024-07-01 model=markov",
    ),
    "credit given twice": (
        "UPDATE attribution.credits SET credit = 1 WHERE conversion_id = 'lead:M3' AND model = 'linear'",
        "attribution.credits: ",
        "conversion_id=lead:M3 model=linear",
    ),
    "a difference": (
        "UPDATE attribution.credit_reconciliation SET difference = 1 WHERE model = 'w_shaped' AND month = '2024-08-01'",
        "attribution.credit_reconciliation.difference: ",
        "month=2024-08-01 model=w_shaped",
    ),
    "a report that disagrees": (
        "UPDATE attribution.by_channel_monthly SET revenue = 37.04 WHERE model = 'linear' AND revenue = 37.03",
        "attribution.by_channel_monthly: ",
        "month=2024-07-01 model=linear",
    ),
    "a partner's month lost": (
        "DELETE FROM attribution.by_partner_monthly WHERE model = 'linear' AND partner_id = 'PM'",
        "attribution.by_partner_monthly: ",
        "model=linear partner_id=PM",
    ),
    "nobody left who sourced": (
        "UPDATE attribution.partner_roles SET role = 'assisted' WHERE deal_id = 'in_force' AND role = 'sourced'",
        "attribution.partner_roles: ",
        "deal_id=in_force partner_id=P1",
    ),
}


@pytest.mark.usefixtures("attribution_gate")
def test_whole_reports_pass_the_gate(settings_of_marts: Settings, settings: Settings, tmp_path: Path) -> None:
    database = tmp_path / settings_of_marts.warehouse_path.name
    shutil.copyfile(settings_of_marts.warehouse_path, database)
    assert not gates.check("marts", settings, database=database).failed


@pytest.mark.usefixtures("attribution_gate")
def test_the_gate_stops_what_does_not_reconcile(
    settings_of_marts: Settings, settings: Settings, tmp_path: Path
) -> None:
    """All faults in one copy: each is found where it was made."""
    database = tmp_path / settings_of_marts.warehouse_path.name
    shutil.copyfile(settings_of_marts.warehouse_path, database)
    with duckdb.connect(str(database)) as connection:
        # The credits are a view: what is published of them can be broken, they themselves cannot.
        connection.execute("CREATE TABLE attribution.published AS FROM attribution.credits")
        connection.execute("DROP VIEW attribution.credits")
        connection.execute("ALTER TABLE attribution.published RENAME TO credits")
        for statement, *_ in FAULTS.values():
            connection.execute(statement)
    with pytest.raises(GateFailedError) as stopped:
        gates.check("marts", settings, database=database)
    lines = str(stopped.value).splitlines()
    for name, (_, table, key) in FAULTS.items():
        assert any(table in line and key in line for line in lines), (name, lines)
