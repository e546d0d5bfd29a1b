"""Who may see what, tried by logging in as each role; and what a partner may try, which shows it nothing of another."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import psycopg
import pytest
from serving_publication import marts

from partner_warehouse.publish.access import ROLES, load_access
from partner_warehouse.publish.descriptions import NOT_OF_DBT

pytestmark = pytest.mark.server

EXPECTED = list(csv.DictReader(Path(__file__).with_name("roles.csv").read_text(encoding="utf-8").splitlines()))
MONEY = re.compile(
    r"amount|revenue|payable$|earned$|balance|adjustments|commission|cost|pipeline|rate$|fee$|roi|gap|value"
)
NOT_MONEY = {"follow_up_rate", "value", "dimension_value"}
"""A KPI's value is judged by its row, below."""

Connection = psycopg.Connection[tuple[object, ...]]


def _objects(connection: Connection) -> dict[str, list[str]]:
    """Every table and view that is not PostgreSQL's own, with its columns."""
    found: dict[str, list[str]] = {}
    for name, column in connection.execute(
        "SELECT nspname || '.' || relname, attname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped "
        "WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND nspname NOT IN ('pg_catalog', 'information_schema') "
        "ORDER BY 1, attnum"
    ).fetchall():
        found.setdefault(str(name), []).append(str(column))
    return found


def _readable(connection: Connection, name: str, columns: list[str]) -> list[str]:
    found = []
    for column in columns:
        try:
            connection.execute(f'SELECT "{column}" FROM {name} LIMIT 1')
            found.append(column)
        except psycopg.errors.InsufficientPrivilege:
            pass
    return found


def _rows(connection: Connection, name: str, columns: list[str]) -> str:
    """`all`, or `own` where every row is the login's partner's and there is one."""
    partner = next((column for column in ("partner_id", "dimension_value") if column in columns), None)
    if partner is None:
        return "all"
    partners = {row[0] for row in connection.execute(f"SELECT DISTINCT {partner} FROM {name}").fetchall()}
    return "own" if partners == {"p1"} else "all"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_what_the_table_says_and_nothing_else(role, login) -> None:
    administrator, connection = login("one_internal_admin"), login(f"one_{role}")
    seen = {}
    for name, columns in _objects(administrator).items():
        readable = _readable(connection, name, columns)
        some = "*" if len(readable) < len(columns) else ""
        seen[name] = _rows(connection, name, columns) + some if readable else "-"
    assert seen == {row["object"]: row[role] for row in EXPECTED}


def test_a_partner_user_sees_no_money(login) -> None:
    connection = login("one_partner_user")
    for name, columns in _objects(login("one_internal_admin")).items():
        for column in _readable(connection, name, columns):
            assert column in NOT_MONEY or not MONEY.search(column), f"{name}.{column}"
    kinds = "SELECT DISTINCT kpi_code FROM kpi.monthly"
    assert connection.execute(kinds).fetchall() == [("leads_generated",)]
    assert len(login("one_partner_admin").execute(kinds).fetchall()) == 2


def test_an_internal_user_sees_nobody_who_approved_and_no_keys_of_people(login) -> None:
    connection = login("one_internal_user")
    for name, columns in _objects(login("one_internal_admin")).items():
        forbidden = {"submitted_by", "approved_by", "account_id", "touchpoint_id", "sample_keys", "record_key", "login"}
        assert not forbidden & set(_readable(connection, name, columns)), name


def test_nobody_may_write_or_make_anything_but_the_administrator_who_belongs_where(login) -> None:
    administrator = login("one_internal_admin")
    for role in ROLES:
        connection = login(f"one_{role}")
        for name in _objects(administrator):
            for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"):
                held = administrator.execute("SELECT has_table_privilege(%s, %s, %s)", [f"one_{role}", name, right])
                expected = name == "serving.members" and role == "internal_admin" and right in "INSERT UPDATE DELETE"
                assert held.fetchone() == (expected,), (role, name, right)
        for attempt in (
            "CREATE SCHEMA mine",
            "CREATE TABLE public.mine (a int)",
            "CREATE TABLE portal.mine (a int)",
            "CREATE TEMP TABLE mine (a int)",
            "DO $$ BEGIN LOCK TABLE serving.loader IN ACCESS SHARE MODE; END $$",
            "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
                connection.execute(attempt)


def test_every_table_stands_in_the_policy_and_what_it_names_exists() -> None:
    columns = {table: {column["name"] for column in model["columns"]} for table, model in marts().items()}
    columns |= {table: set(description.columns) for table, description in NOT_OF_DBT.items()}
    tables = load_access().tables
    assert set(columns) == {table for table in tables if not table.startswith("portal.")}
    for table, known in columns.items():
        for grant in tables[table].values():
            assert set(grant.columns or ()) <= known, table
            assert set(grant.rows.columns if grant.rows else ()) <= known, table


FILTERED = [
    row["object"] for row in EXPECTED if row["partner_admin"] != "-" and not row["object"].startswith("portal.")
]
PORTAL = [row["object"] for row in EXPECTED if row["partner_admin"] != "-" and row["object"].startswith("portal.")]


def _partner_column(name: str) -> str:
    return "dimension_value" if name.startswith("kpi.") else "partner_id"


def test_becoming_somebody_else_is_refused_or_changes_nothing(login) -> None:
    connection = login("one_partner_admin")
    for attempt in (
        "SET ROLE internal_admin",
        "SET ROLE finance",
        "SET ROLE one_internal_admin",
        "SET ROLE loader",
        "SET SESSION AUTHORIZATION one_internal_admin",
        "SELECT set_config('role', 'internal_admin', false)",
        "SELECT set_config('session_authorization', 'one_internal_admin', false)",
        "INSERT INTO serving.members VALUES ('one_partner_admin', 'p2')",
        "UPDATE serving.members SET partner_id = 'p2'",
        "SELECT serving.my_partner()",
        "SET row_security = off; SELECT * FROM finance.approved_payouts",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(attempt)
    connection.execute("SET row_security = on")
    connection.execute("SET search_path = pg_temp, public, partners, serving")
    for role in ("partner_admin", "one_partner_admin"):
        connection.execute(f"SET ROLE {role}")
        assert connection.execute("SELECT partner_id FROM finance.approved_payouts").fetchall() == [("p1",)]


def test_a_login_that_belongs_to_no_partner_sees_no_row(login) -> None:
    connection = login("stranger")
    for name in FILTERED + PORTAL:
        assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,), name


@pytest.mark.parametrize("name", FILTERED + PORTAL)
def test_a_condition_that_fails_on_another_partners_row_is_never_asked_of_it(name, login) -> None:
    connection, partner = login("one_partner_admin"), _partner_column(name)
    partner = "partner_id" if name == "portal.kpis" else partner
    for condition in (
        f"1 / (CASE WHEN {partner} = 'p1' THEN 1 ELSE 0 END) = 1",
        f"CASE WHEN {partner} = 'p1' THEN 1 ELSE cast({partner} AS integer) END = 1",
        f"({partner} = 'p1' OR query_to_xml({partner}, true, false, '') IS NULL)",
    ):
        rows = connection.execute(f"SELECT {partner} FROM {name} WHERE {condition}").fetchall()
        assert set(rows) == {("p1",)}


@pytest.mark.parametrize("name", FILTERED)
def test_a_plan_does_not_tell_whether_another_partner_has_a_row(name, login) -> None:
    """Neither by what it expects, nor by what it counts while it runs, for the partner and for every text it has."""
    connection = psycopg.ClientCursor(login("one_partner_admin"))
    texts = [column["name"] for column in marts()[name]["columns"] if column["data_type"] == "varchar"]
    columns = _readable(login("one_partner_admin"), name, texts)
    for seqscan in ("on", "off"):
        connection.execute(f"SET enable_seqscan = {seqscan}")
        for column in columns:
            present = "p2" if column in {"partner_id", "dimension_value", "unit_id"} else f"{column}-2"
            for options in ("", "(ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF)"):
                query = f'EXPLAIN {options} SELECT 1 FROM {name} WHERE "{column}" = %s'
                plans = {
                    "\n".join(str(line) for line in connection.execute(query, [value]).fetchall()).replace(value, "?")
                    for value in (present, "nothing")
                }
                assert len(plans) == 1, column


def test_statistics_show_nothing_of_others(login) -> None:
    connection = login("one_partner_admin")
    shown = "SELECT DISTINCT schemaname || '.' || tablename FROM pg_stats WHERE schemaname NOT LIKE 'pg\\_%%'"
    assert not {row[0] for row in connection.execute(shown).fetchall()} & {*FILTERED, "serving.members"}
    for hidden in ("pg_statistic", "pg_authid"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT * FROM {hidden}")


def test_the_only_function_is_the_one_that_asks_whose_login_it_is(login) -> None:
    functions = login("one_internal_admin").execute(
        "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace NOT IN "
        "('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
    )
    assert functions.fetchall() == [("my_partner", True, ["search_path=pg_catalog, pg_temp"])]


def test_every_view_runs_with_the_rights_of_whoever_asks(login) -> None:
    views = login("one_internal_admin").execute(
        "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'portal'::regnamespace"
    )
    found = views.fetchall()
    assert {options[0] for _, options in found} == {"security_invoker=true"}
    assert {f"portal.{name}" for name, _ in found} == set(PORTAL)
