"""The database keeps its promises by itself: nothing changes, all amounts are exact, tampering shows."""

from __future__ import annotations

import gc
import hashlib
import sqlite3
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import duckdb
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ledger_publication import line, plans, publish
from sqlalchemy import UniqueConstraint, event, func, insert, literal, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from partner_warehouse.errors import NotAllowedError, PartnerWarehouseError
from partner_warehouse.ledger import bulk, events, journal, schema, store
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.ledger.types import Day
from partner_warehouse.settings import ROOT, load_settings

sys.path.append(str(ROOT / "tests" / "exports"))

import bank_vault


@pytest.fixture
def posted(settings, service, approve, tmp_path, monkeypatch):
    bank_vault.fill(tmp_path / "vault.sqlite", monkeypatch, [bank_vault.ach("p1")])
    publish(settings, [line("a", "14.70", "2026-03-05"), line("b", "-3.00", "2026-03-06", partner_id="p2")])
    approve("2026-03")
    service.export("2026-03", "dora")
    service.paid("2026-03", "dora")
    return store.Store(settings).engine


@pytest.mark.parametrize("table", [table.name for table in schema.APPEND_ONLY])
def test_no_row_can_be_changed_or_removed(posted, table):
    key = schema.metadata.tables[table].primary_key.columns.keys()[0]
    attempts = [f"UPDATE {table} SET {key} = {key}", f"DELETE FROM {table}"]
    if posted.dialect.name == "postgresql":
        attempts += [f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"]
    else:
        attempts += [f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"]
    for statement in attempts:
        with pytest.raises(DBAPIError, match="append-only"), posted.begin() as connection:
            connection.execute(text(statement))


def _unique_keys(table):
    """Every set of columns that only one row may have; in SQLite the rowid is one."""
    keys = [tuple(one.columns.keys()) for one in table.constraints if isinstance(one, UniqueConstraint)]
    keys += [tuple(one.columns.keys()) for one in table.indexes if one.unique]
    return [tuple(table.primary_key.columns.keys()), *keys, ("rowid",)]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", schema.APPEND_ONLY, ids=lambda table: table.name)
def test_sqlite_refuses_replacement_on_a_connection_of_anyone_by_whichever_key(posted, table):
    """`REPLACE` removes the row that has one key of the new one, whatever the others are; no trigger hears of it."""
    names = [column.name for column in table.columns]
    where = " WHERE action = 'approve'" if table.name == "events" else ""
    with sqlite3.connect(posted.url.database) as stranger:
        stranger.row_factory = sqlite3.Row
        there = dict(stranger.execute(f"SELECT rowid AS rowid, * FROM {table.name}{where}").fetchone())
        others = {name: 99 if isinstance(there[name], int) else "other" for name in names}
        for key in _unique_keys(table):
            # Of all columns that are in a key, these alone are those of the row that is there.
            keyed = {column for one in _unique_keys(table) for column in one} - set(key)
            row = {name: others[name] if name in keyed else there[name] for name in [*names, *key]}
            marks = ", ".join("?" * len(row))
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                stranger.execute(f"REPLACE INTO {table.name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def test_what_is_there_is_refused_by_its_key_and_the_guard_stays(settings, posted):
    lines = schema.payout_lines
    columns = ", ".join(column.name for column in lines.columns)
    with store.Store(settings).writing() as connection, duckdb.connect() as duck:
        bulk.load(connection, select(lines), duck, "lines")
        with pytest.raises((DBAPIError, psycopg.IntegrityError)), connection.begin_nested():
            bulk.append(connection, lines, duck, f"SELECT {columns} FROM lines")
    if posted.dialect.name == "sqlite":
        with pytest.raises(DBAPIError, match="append-only"), posted.begin() as connection:
            connection.execute(text("REPLACE INTO payout_lines SELECT * FROM payout_lines"))


def test_what_is_loaded_is_what_the_transaction_sees(settings, posted):
    ledger, journaled = store.Store(settings), select(schema.journal)

    def loaded(connection, duck):
        bulk.load(connection, journaled, duck, "journaled")
        return duck.execute("SELECT * FROM journaled ORDER BY entry_id").fetchall()

    with ledger.reading() as reader, duckdb.connect() as duck:
        before = loaded(reader, duck)
        with ledger.writing() as writer:
            assert loaded(writer, duck) == before
            row = writer.execute(journaled).mappings().first()
            writer.execute(insert(schema.journal), [dict(row) | {"entry_id": "another"}])
            own = loaded(writer, duck)
            assert len(own) == len(before) + 1
        assert loaded(reader, duck) == before
    with ledger.writing() as writer, duckdb.connect() as duck:
        assert loaded(writer, duck) == own


def test_rows_on_their_way_lie_below_the_home_whatever_it_is_called(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no place of the machine's"))
    elsewhere = settings.model_copy(update={"home": tmp_path / "it's [1] home"})
    publish(elsewhere, [line("a", "14.70", "2026-03-05")])
    service = PayoutService(elsewhere)
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    service.approve("2026-03", "ben")
    assert service.payouts("2026-03")[0]["payable"] == Decimal("14.70")
    assert service.verify() == []
    del service
    gc.collect()
    assert [path.name for path in (elsewhere.home / "tmp").iterdir()] == [".lock"]


def test_no_amount_is_ever_a_floating_point_number(posted):
    if posted.dialect.name == "sqlite":
        kinds = "SELECT DISTINCT typeof(payable), typeof(earned) FROM payouts"
        expected = [("integer", "integer")]
    else:
        kinds = "SELECT DISTINCT pg_typeof(payable)::text, pg_typeof(earned)::text FROM payouts"
        expected = [("numeric", "numeric")]
    with posted.connect() as connection:
        assert [tuple(row) for row in connection.execute(text(kinds))] == expected
        with pytest.raises(DBAPIError):
            connection.execute(
                text("INSERT INTO journal VALUES ('x','x','x','x','x','accrued','payable','much','now')")
            )
    with posted.begin() as connection, pytest.raises(Exception, match="Decimal, not float"):
        connection.execute(insert(schema.journal), [{"entry_id": "x", "amount": 0.1}])


def test_the_books_balance(settings, posted):
    with store.Store(settings).reading() as connection:
        held = journal.balances(connection)
        assert journal.broken_balances(connection) == []
    assert sum(held.values()) == 0
    assert held["p1", "USD", "paid"] == Decimal("-14.70")
    assert held["p1", "USD", "payable"] == 0
    assert held["p2", "USD", "clawback_receivable"] == Decimal("3.00")


def test_the_schema_is_what_the_migrations_make(posted):
    with posted.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, schema.metadata) == []
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    assert revision == store.HEAD


def test_several_first_users_migrate_once(settings):
    together = threading.Barrier(4)

    def first_use(_: int) -> int:
        together.wait()
        return len(PayoutService(settings).states())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(first_use, range(4))) == [0, 0, 0, 0]


def _switch_off(connection, table: str, guard: str) -> None:
    """Do what only the owner of the database could."""
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_{guard}"))
    else:
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))


def _past_the_triggers(engine, table: str, statement: str, guard: str = "no_update") -> None:
    with engine.begin() as connection:
        _switch_off(connection, table, guard)
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("table", "statement", "found"),
    [
        ("events", "UPDATE events SET actor = 'mallory' WHERE action = 'approve'", "its content was changed"),
        ("payout_lines", "UPDATE payout_lines SET partner_id = 'p9' WHERE line_id = 'a'", "not what was approved"),
        ("payouts", "UPDATE payouts SET min_payout = 7000", "not what was approved"),
        ("payouts", "UPDATE payouts SET approved_by = 'mallory'", "who approved it and when"),
        ("payouts", "UPDATE payouts SET submitted_by = 'mallory'", "who approved it and when"),
        ("payouts", "UPDATE payouts SET content_hash = 'x'", "who approved it and when"),
        (
            "journal",
            "UPDATE journal SET partner_id = 'p9' WHERE entry_id LIKE '%/pay'",
            "not what was approved or paid",
        ),
        (
            "journal",
            "UPDATE journal SET period = '2026-04' WHERE entry_id LIKE '%/pay'",
            "not what was approved or paid",
        ),
        (
            "journal",
            "UPDATE journal SET debit_account = credit_account, credit_account = debit_account",
            "not what was approved or paid",
        ),
        ("events", "UPDATE events SET evidence_hash = NULL WHERE action = 'export'", "its content was changed"),
        ("payments", "UPDATE payments SET end_to_end_id = 'x'", "ordered from banks is not what was logged"),
        ("payment_files", "UPDATE payment_files SET sha256 = 'x'", "ordered from banks is not what was logged"),
        ("drafts", "UPDATE drafts SET line_count = 7", "what draft 1 was computed from"),
        ("drafts", "UPDATE drafts SET drafted_by = 'mallory'", "what draft 1 was computed from"),
    ],
)
def test_tampering_is_found(service, posted, table, statement, found):
    assert service.verify() == []
    _past_the_triggers(posted, table, statement)
    assert any(found in fault for fault in service.verify())


def test_a_payment_that_was_taken_away_with_its_file_is_found(service, posted):
    """It would be ordered again, and nothing that is left would say so."""
    for table in ("payments", "payment_files"):
        _past_the_triggers(posted, table, f"DELETE FROM {table}", "no_delete")
    assert service.verify() == ["2026-03: what was ordered from banks is not what was logged"]


def test_a_log_that_was_begun_before_it_had_evidence_stays_whole(settings, service, posted):
    """Its events keep the hashes that they have; what comes after them has evidence."""
    with posted.begin() as connection:
        log = events.read_events(connection)
        previous = events.GENESIS
        for entry in log:
            older = replace(entry, evidence_hash=None, previous_hash=previous)
            previous = older.computed_hash()
            fields = {"evidence_hash": None, "previous_hash": older.previous_hash, "hash": previous}
            _switch_off(connection, "events", "no_update")
            connection.execute(update(schema.events).where(schema.events.c.event_id == entry.event_id).values(fields))
    assert service.verify() == []
    publish(settings, [line("a", "14.70", "2026-03-05"), line("c", "9.00", "2026-04-05")])
    service.draft("2026-04", "ana")
    assert service.verify() == []


FEE = {"component": "fixed_fee", "movement_kind": "deal", "base_amount": "5000.00", "rate": "1.2"}


def test_what_was_posted_before_lines_had_a_fee_stays_whole(settings, service, approve, balance):
    """Its content has the hash that it was approved with; what comes after it has fees, and reverses what had none."""
    publish(settings, [line("a", "600.00", "2026-03-05", **FEE), line("gone", "7.00", "2026-03-05", **FEE)])
    with duckdb.connect(str(settings.published_path)) as publication:
        publication.execute("ALTER TABLE finance.commission_lines DROP COLUMN fee")
    approved = approve("2026-03").content_hash
    engine = store.Store(settings).engine
    with engine.begin() as connection:
        for table in ("draft_lines", "payout_lines"):
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN fee"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    upgraded = PayoutService(settings)
    assert approved == "c70af12f2532c7bd34bfa82019051d957aadbf69fc13a34e75f9b8382f785922"
    assert upgraded.verify() == []
    publish(settings, [line("a", "606.00", "2026-03-05", fee="505.00", **FEE)])
    approve("2026-04")
    assert balance("2026-04") == ("0.00", "0.00", "-1.00", "0.00", "-1.00")
    lines = schema.payout_lines.c
    with engine.connect() as connection:
        posted = connection.execute(select(lines.period, lines.amount, lines.fee).order_by(lines.period, lines.amount))
        assert [tuple(row) for row in posted] == [
            ("2026-03", Decimal("7.000"), None),
            ("2026-03", Decimal("600.000"), None),
            ("2026-04", Decimal("-7.000"), None),
            ("2026-04", Decimal("6.000"), Decimal("505.000")),
        ]
    assert upgraded.verify() == []


@pytest.mark.parametrize("fee", ["NULL", "501000"])
def test_a_posted_fee_that_was_changed_is_found(settings, service, approve, fee):
    publish(settings, [line("a", "600.00", "2026-03-05", fee="500.00", **FEE)])
    approve("2026-03")
    assert service.verify() == []
    _past_the_triggers(store.Store(settings).engine, "payout_lines", f"UPDATE payout_lines SET fee = {fee}")
    assert service.verify() == ["2026-03: what is posted is not what was approved"]


def test_a_fee_that_is_given_to_what_was_posted_without_one_is_found(settings, service, approve):
    publish(settings, [line("a", "600.00", "2026-03-05")])
    approve("2026-03")
    _past_the_triggers(store.Store(settings).engine, "payout_lines", "UPDATE payout_lines SET fee = 500000")
    assert service.verify() == ["2026-03: what is posted is not what was approved"]


def test_what_falls_away_keeps_the_fee_that_was_posted(settings, service, approve):
    publish(settings, [line("a", "600.00", "2026-03-05", fee="500.00", **FEE)])
    approve("2026-03")
    publish(settings, [])
    approve("2026-04")
    lines = schema.payout_lines.c
    with store.Store(settings).engine.connect() as connection:
        posted = connection.execute(select(lines.amount, lines.fee).order_by(lines.period)).all()
    assert [tuple(row) for row in posted] == [
        (Decimal("600.000"), Decimal("500.000")),
        (Decimal("-600.000"), Decimal("500.000")),
    ]


def test_tampering_with_a_draft_is_found(settings, service):
    publish(settings, [line("a", "14.70", "2026-03-05")])
    service.draft("2026-03", "ana")
    assert service.verify() == []
    _past_the_triggers(store.Store(settings).engine, "draft_lines", "UPDATE draft_lines SET partner_id = 'p9'")
    assert service.verify() == ["2026-03: the stored draft 1 is not what was drafted"]


@pytest.mark.parametrize("table", ["draft_lines", "draft_payouts"])
def test_tampering_with_what_an_approver_was_shown_is_found_after_the_approval(settings, service, approve, table):
    """Drafts of a closed month, and of them what a further version replaced."""
    publish(settings, [line("a", "14.70", "2026-03-05")])
    service.draft("2026-03", "ana")
    publish(settings, [line("a", "14.80", "2026-03-05")])
    approve("2026-03")
    assert service.verify() == []
    _past_the_triggers(store.Store(settings).engine, table, f"UPDATE {table} SET partner_id = 'p9'")
    assert service.verify() == [f"2026-03: the stored draft {version} is not what was drafted" for version in (1, 2)]


def test_tampering_with_kept_plan_files_is_found(settings, service):
    ledger, files = store.Store(settings), '{"commission_plans.csv": "plan_id"}'
    kept = hashlib.sha256(files.encode()).hexdigest()
    with ledger.writing() as connection:
        connection.execute(insert(schema.plan_sets), [{"plans_hash": kept, "content": files}])
    assert service.verify() == []
    _past_the_triggers(ledger.engine, "plan_sets", "UPDATE plan_sets SET content = '{}'")
    assert service.verify() == [f"plan files {kept}: not what they were when they were kept"]


def test_a_missing_event_is_found(service, posted):
    _past_the_triggers(posted, "events", "DELETE FROM events WHERE event_id = 2", "no_delete")
    assert service.verify()[0] == "event 2 is missing"


def test_a_failure_while_posting_leaves_nothing_posted(settings, service, monkeypatch):
    publish(settings, [line("a", "14.70", "2026-03-05")])
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    with monkeypatch.context() as patched:
        patched.setattr(journal, "post_approval", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            service.approve("2026-03", "ben")
    with store.Store(settings).reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.payout_lines)).scalar_one() == 0
    assert service.state("2026-03").status == "submitted"
    assert service.approve("2026-03", "ben").status == "approved"


def test_an_address_that_is_no_ledger_is_named_without_its_secret():
    unreachable = load_settings(ledger_url="postgresql://app:hunter2@127.0.0.1:1/ledger")
    with pytest.raises(PartnerWarehouseError, match="did not answer") as caught:
        PayoutService(unreachable)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(PartnerWarehouseError, match="LEDGER_URL"):
        PayoutService(load_settings(ledger_url="mysql://localhost/x"))


def test_what_is_wrong_with_a_ledger_file_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.sqlite").write_text("not a database, but long enough to be looked at as one " * 20)
    for name, said in (("folder", "cannot be opened"), ("notes.sqlite", "not a SQLite database")):
        with pytest.raises(PartnerWarehouseError, match=said):
            PayoutService(load_settings(ledger_url=f"sqlite:///{tmp_path / name}"))
    ledger = store.Store(load_settings(ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}"))
    event.listen(ledger.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(PartnerWarehouseError, match="takes no writes"), ledger.writing() as connection:
        connection.execute(text("CREATE TABLE more (id INTEGER)"))


@pytest.fixture
def server(home, tmp_path, new_database):
    """An installation over a database of its own, and what alters it."""
    address = new_database("postgresql")
    approvers = ("ben", "cleo", "dan", "eve")
    settings = load_settings(ledger_url=address, plans=plans(tmp_path / "plans", base=""), approvers=approvers)

    def alter(*statements):
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(address, autocommit=True, options=options) as connection:
            name = connection.info.dbname
            for statement in statements:
                connection.execute(statement.replace("DATABASE", f"DATABASE {name}"))

    return settings, alter


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, MDY"])
def test_a_server_with_other_defaults_changes_nothing(server, style):
    """Instants, dates, and what a loser of a race is told."""
    settings, alter = server
    alter(
        f"ALTER DATABASE SET datestyle = '{style}'",
        "ALTER DATABASE SET default_transaction_isolation = 'repeatable read'",
        "ALTER DATABASE SET TimeZone = 'Asia/Kolkata'",
    )
    publish(settings, [line("a", "14.70", "2026-03-05"), line("b", "3.00", "2026-04-06")])
    service = PayoutService(settings)
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    together = threading.Barrier(4)

    def approve(user):
        together.wait()
        try:
            return PayoutService(settings).approve("2026-03", user).status
        except NotAllowedError:
            return "not allowed"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(approve, settings.approvers)) == ["approved", *["not allowed"] * 3]
    assert service.draft("2026-04", "ana").status == "draft"
    (row,) = service.payouts("2026-03")
    assert row["earned"] == Decimal("14.70")
    assert service.verify() == []


def test_a_server_that_refuses_is_named_with_its_remedy(server):
    settings, alter = server
    publish(settings, [line("a", "14.70", "2026-03-05")])
    PayoutService(settings).draft("2026-03", "ana")
    alter("ALTER DATABASE SET default_transaction_read_only = on")
    with pytest.raises(PartnerWarehouseError, match=r"takes no writes.*PARTNER_WAREHOUSE_LEDGER_URL"):
        PayoutService(settings).submit("2026-03", "ana")
    alter("ALTER DATABASE RESET default_transaction_read_only")
    alter("DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk LOGIN", "GRANT USAGE ON SCHEMA public TO clerk")
    alter("GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk")
    url = make_url(settings.ledger_url).set(username="clerk").render_as_string(hide_password=False)
    clerk = load_settings(ledger_url=url, plans=settings.plans)
    with pytest.raises(PartnerWarehouseError, match=r"no right to do this.*SELECT and INSERT"):
        PayoutService(clerk).submit("2026-03", "ana")
    alter("GRANT INSERT ON ALL TABLES IN SCHEMA public TO clerk")
    assert PayoutService(clerk).submit("2026-03", "ana").status == "submitted"
    alter("DROP OWNED BY clerk", "DROP ROLE clerk")


def test_an_amount_reads_back_as_it_was_bound(settings):
    amounts = {schema.payout_lines.c.amount: "-12345678901.234", schema.payout_lines.c.fx_rate: "1.0832000001"}
    with store.Store(settings).reading() as connection:
        for column, value in amounts.items():
            bound = connection.execute(select(literal(Decimal(value), type_=column.type))).scalar_one()
            assert bound == Decimal(value)


WIDE = ["-0.0000000001", "1.0832000001", "-99999999.9999999999", "99999999.9999999999", "123456789012345678.9"]


@pytest.mark.parametrize("amount", WIDE)
def test_a_wide_amount_has_the_text_that_the_engine_gives_it(amount):
    wide = f"CAST('{amount}' AS DECIMAL(28, 10))"
    (row,) = duckdb.sql(f"SELECT {bulk.text_of_decimal(wide, 28, 10)}, CAST({wide} AS VARCHAR)").fetchall()
    assert row[0] == row[1]


@pytest.mark.parametrize("amount", WIDE)
def test_a_wide_amount_reaches_the_engine_as_it_was_stored(settings, amount):
    bound = literal(Decimal(amount), type_=schema.payout_lines.c.fx_rate.type).label("fx_rate")
    with store.Store(settings).reading() as connection, duckdb.connect() as duck:
        bulk.load(connection, select(bound), duck, "stored")
        assert duck.execute("SELECT fx_rate FROM stored").fetchall() == [(Decimal(amount),)]


@pytest.mark.parametrize(
    ("amount", "sql_type"),
    [
        ("-0.001", "DECIMAL(18, 3)"),
        ("-999999999999999.999", "DECIMAL(18, 3)"),
        ("-12.5", "DECIMAL(4, 1)"),
        ("5", "INTEGER"),
        ("0.000000000001", "DECIMAL(18, 12)"),
    ],
)
def test_an_amount_of_the_engine_is_stored_as_it_is(settings, amount, sql_type):
    lines = schema.draft_lines
    column = lines.c.rate if sql_type == "DECIMAL(18, 12)" else lines.c.amount
    values = {one.name: "'2026-03-01'" if isinstance(one.type, Day) else "'x'" for one in lines.columns}
    values |= dict.fromkeys(("plan_version", "base_amount", "rate", "split_share", "fx_rate", "fee"), "NULL")
    values |= {"version": "1", "amount": "0", column.name: f"CAST({amount} AS {sql_type})"}
    query = ", ".join(f"{value} AS {name}" for name, value in values.items())
    with store.Store(settings).writing() as connection, duckdb.connect() as duck:
        bulk.append(connection, lines, duck, f"SELECT {query}")
        assert connection.execute(select(column)).scalar_one() == Decimal(amount)
