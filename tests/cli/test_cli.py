"""The command as scripts see it: exit statuses, one line first on stderr, formats that can be read back."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from partner_warehouse import cli, pipeline
from partner_warehouse.errors import BadInputError, GateFailedError
from partner_warehouse.instants import given_instant
from partner_warehouse.ledger import reproduction
from partner_warehouse.ledger.content import Difference, Differences
from partner_warehouse.ledger.reproduction import Reproduction
from partner_warehouse.settings import ROOT, load_settings

sys.path.append(str(ROOT / "tests" / "exports"))

import bank_vault
from ledger_publication import line, publish


@pytest.fixture
def run(capsys):
    """Run a command; returns its exit status, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            status = cli.main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def approved(run, refreshed):
    for action, user in (("draft", "ana"), ("submit", "ana"), ("approve", "ben")):
        assert run("payouts", action, "2026-03", "--user", user)[0] == 0
    return refreshed


def test_help_answers_at_once():
    began = time.process_time()
    heavy = (
        "import sys; from partner_warehouse import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('duckdb', 'sqlalchemy', 'pydantic', 'great_expectations')))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "payouts" in done.stdout
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "arguments are required"),
        (("fly",), "invalid choice"),
        (("payouts", "draft", "2026-03"), "--user"),
        (("payouts", "draft", "2026-3", "--user", "ana"), "expected a month as YYYY-MM"),
        (("payouts", "submit", "2026-03", "--user", " "), "name of a person"),
        (
            ("payouts", "draft", "2026-03", "--user", "ana", "--reason", "bad\udcff"),
            "argument 7 is not a text in UTF-8",
        ),
        (("payouts", "draft", "2026-03", "--user", "an\udce4"), "argument 5 is not a text in UTF-8: 'an\\udce4'"),
        (("explain", "--movement", "m\udcff"), "argument 3 is not a text in UTF-8"),
        (("payouts", "show", "2026-03"), "nothing is drafted"),
        (
            ("run", "--as-of", "yesterday"),
            "--as-of: 'yesterday' is no instant of the years 1 to 9999: use ISO 8601 with an offset, as in 2026-04-01T",
        ),
        (("run", "--as-of", "2026-04-01T00:00:00"), "--as-of: '2026-04-01T00:00:00' is no instant of the years"),
        (("run", "--as-of", "0001-01-01T00:00:00+14:00"), "--as-of: '0001-01-01T00:00:00+14:00' is no instant of"),
        (("explain",), "--payout"),
        (("explain", "--partner", "p1"), "--period"),
        (("explain", "--payout", "PO-none"), "not among the approved payouts"),
        (("reproduce", "2026-03"), "not approved"),
    ],
)
def test_bad_input_is_2_and_said_in_the_first_line(run, refreshed, arguments, said):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REPORTING_CURRENCY", "XXZ", "unknown currency 'XXZ': use an ISO 4217 code such as USD"),
        ("REPORTING_CURRENCY", "usd", "unknown currency 'usd': use an ISO 4217 code such as USD"),
        ("TIMEZONE", "America", "unknown time zone 'America': use an IANA name such as America/New_York"),
        ("TIMEZONE", "right/UTC", "unknown time zone 'right/UTC': use an IANA name"),
        ("TIMEZONE", "../UTC", "unknown time zone '../UTC': use an IANA name"),
        (
            "AS_OF",
            "2026",
            "'2026' is no instant of the years 1 to 9999: use ISO 8601 with an offset, as in 2026-04-01T",
        ),
        ("AS_OF", "1767225600", "'1767225600' is no instant"),
        ("AS_OF", "2026-04-01", "'2026-04-01' is no instant"),
        ("AS_OF", "0001-01-01T00:00:00+14:00", "'0001-01-01T00:00:00+14:00' is no instant"),
        ("SOURCES", "stripe,netsuite", "Input should be 'salesforce', 'hubspot', 'stripe', 'events' or 'files'"),
        ("FX_LOOKBACK_DAYS", "four", "Input should be a valid integer"),
        ("FX_LOOKBACK_DAYS", "32", "Input should be less than or equal to 31"),
        ("RECONCILE_DAYS", "99999999999", "Input should be less than or equal to 36500"),
        ("CALL_SECONDS", "inf", "Input should be less than or equal to 86400"),
        ("CALL_SECONDS", "nan", "Input should be less than or equal to 86400"),
        ("APPROVAL_REMINDER_HOURS", "1e300", "Input should be less than or equal to 87600"),
        ("TWO_APPROVERS_ABOVE", "-1", "Input should be greater than or equal to 0"),
        ("DBT_THREADS", "0", "Input should be greater than or equal to 1"),
        ("HOME", __file__, "is a file: name a directory"),
        ("HOME", "/var/a,b", "/var/a,b: name a directory without a comma in its path"),
        ("PLANS", __file__, "is a file: name a directory"),
        ("CATALOG", __file__, "is a file: name a directory"),
        ("GL_ACCOUNTS", str(Path(__file__).parent), "is a directory: name a file"),
        (
            "HOME",
            "~no-such-user/var",
            "~no-such-user/var: no home directory is known for the ~; write the path in full",
        ),
        ("GL_ACCOUNTS", "~no-such-user/accounts.csv", "no home directory is known for the ~; write the path in full"),
        (
            "STATEMENT_FONTS",
            "/a.ttf,~no-such-user/b.ttf",
            "no home directory is known for the ~; write the path in full",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_told_before_anything_is_done(run, home, monkeypatch, name, value, said):
    monkeypatch.setenv(f"PARTNER_WAREHOUSE_{name}", value)
    status, out, err = run("status")
    assert (status, out) == (2, "")
    (first,) = err.splitlines()
    assert first.startswith(f"PARTNER_WAREHOUSE_{name}: ")
    assert said in first


def test_every_path_may_begin_with_the_home_directory(run, home, tmp_path, monkeypatch):
    """Also those of an option: a shell leaves the ~ of `--plans=~/plans` as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("INBOX", "PLANS", "CATALOG", "GL_ACCOUNTS", "STATEMENT_FONTS"):
        monkeypatch.setenv(f"PARTNER_WAREHOUSE_{name}", "~/there")
    settings = load_settings()
    there = tmp_path / "there"
    assert {settings.inbox, settings.plans, settings.catalog, settings.gl_accounts} == {there}
    assert settings.statement_fonts == (there,)
    asked = ("simulate", "--from", "2026-01", "--to", "2026-02")
    assert f"{there} is no directory" in run(*asked, "--plans=~/there")[2]
    status, _, err = run(*asked, "--plans=~no-such-user/plans")
    assert status == 2
    assert "no home directory is known for the ~" in err


def test_a_setting_that_is_empty_is_not_set(home, monkeypatch):
    for name in ("PLANS", "TIMEZONE", "REPORTING_CURRENCY", "AS_OF", "TWO_APPROVERS_ABOVE", "SOURCES", "APPROVERS"):
        monkeypatch.setenv(f"PARTNER_WAREHOUSE_{name}", "")
    settings = load_settings()
    assert (settings.plans, settings.timezone, settings.reporting_currency) == (None, "UTC", "USD")
    assert (settings.as_of, settings.two_approvers_above, settings.approvers) == (None, None, ())
    assert len(settings.sources) == 5


@pytest.mark.parametrize("given", ["2026-04-01T02:00:00+02:00", "2026-04-01T00:00:00Z", "2026-04-01T00:00:00z"])
def test_an_instant_of_a_setting_an_option_or_a_dag_is_utc(home, monkeypatch, given):
    monkeypatch.setenv("PARTNER_WAREHOUSE_AS_OF", given)
    assert load_settings().as_of == datetime(2026, 4, 1, tzinfo=UTC)
    assert cli._instant(given) == given_instant("as_of", given) == datetime(2026, 4, 1, tzinfo=UTC)


def test_what_is_given_under_a_name_is_told_by_it():
    with pytest.raises(BadInputError, match=r"^as_of: 'soon' is no instant of the years 1 to 9999: use ISO 8601 with"):
        given_instant("as_of", "soon")


def test_a_month_that_comes_out_otherwise_names_each_column(run, home, monkeypatch):
    differing = (
        Difference("payout", "PO-1", "payable", "10.000", "12.000"),
        Difference("line", "L1", "tier", None, "Gold"),
        Difference("line", "L2", None, None, "2.000"),
        Difference("line", "L3", None, "3.000", None),
    )
    found = Reproduction("2026-03", same=False, line_count=3, differing=Differences(600_004, differing))
    monkeypatch.setattr(reproduction, "reproduce", lambda *_, **__: found)
    status, out, err = run("reproduce", "2026-03")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "2026-03: does not come out as it was approved (posted -> now)",
        "  payout PO-1: payable 10.000 -> 12.000",
        "  line L1: tier empty -> Gold",
        "  line L2: not posted, now 2.000",
        "  line L3: posted with 3.000, now not there",
        "  and 600000 more",
    ]


def test_nothing_published_is_bad_input_that_says_what_to_do(run, home):
    status, _, err = run("payouts", "draft", "2026-03", "--user", "ana")
    assert status == 2
    assert "partner-warehouse run" in err


def test_what_is_not_allowed_is_4(run, approved):
    for arguments in (("draft", "--user", "ana"), ("approve", "--user", "ben"), ("reject", "--user", "ben")):
        status, _, err = run("payouts", arguments[0], "2026-03", *arguments[1:])
        assert status == 4
        assert "2026-03 is approved" in err.splitlines()[0]


def test_who_prepared_it_may_not_approve_it(run, refreshed):
    run("payouts", "draft", "2026-03", "--user", "ben")
    run("payouts", "submit", "2026-03", "--user", "ana")
    status, _, err = run("payouts", "approve", "2026-03", "--user", "ben")
    assert (status, err.splitlines()[0]) == (4, "2026-03: ben prepared it; another person approves")


def test_a_failed_gate_is_3_and_a_fault_is_1_without_data(run, refreshed, monkeypatch):
    def gate(*_, progress, **__):
        progress("gate marts")
        raise GateFailedError("gate marts: 3 rows")

    monkeypatch.setattr(pipeline, "run", gate)
    assert run("run")[::2] == (3, "gate marts: 3 rows\n")

    def fault(*_, **__):
        raise RuntimeError("card 4242 4242 4242 4242")

    monkeypatch.setattr(pipeline, "run", fault)
    status, _, err = run("run")
    assert status == 1
    assert err.splitlines()[0] == "unexpected fault: RuntimeError"
    assert "4242" not in err


def test_what_may_not_be_read_is_named(run, home, monkeypatch):
    def fault(*_, **__):
        raise PermissionError(13, "Permission denied", f"{home}/landing/salesforce/Account")

    monkeypatch.setattr(pipeline, "run", fault)
    status, out, err = run("run")
    assert (status, out) == (1, "")
    (first,) = err.splitlines()
    assert first.startswith(f"{home}/landing/salesforce/Account: Permission denied; whoever runs this must be able to")


def test_only_what_is_posted_refreshes_the_publication(run, refreshed):
    run("payouts", "draft", "2026-03", "--user", "ana")
    run("payouts", "submit", "2026-03", "--user", "ana")
    assert refreshed == ["gate payouts"]
    run("payouts", "approve", "2026-03", "--user", "ben")
    run("payouts", "export", "2026-03", "--user", "dora")
    run("payouts", "export", "2026-03", "--user", "dora")
    run("payouts", "paid", "2026-03", "--user", "dora")
    assert refreshed == ["gate payouts", *["refresh"] * 3]


def test_what_was_killed_before_it_published_is_published_by_the_next(run, approved, refreshed):
    run("payouts", "export", "2026-03", "--user", "dora")
    refreshed.clear()
    run("payouts", "export", "2026-03", "--user", "dora")
    assert refreshed == ["refresh"]


def test_show_in_every_format(run, approved):
    status, table, _ = run("payouts", "show", "2026-03")
    assert status == 0
    assert "2026-03 is approved" in table
    assert "100.000" in table
    rows = json.loads(run("payouts", "show", "2026-03", "--format", "json")[1])
    assert [row["payable"] for row in rows] == ["7.000", "100.000"]
    cells = list(csv.DictReader(io.StringIO(run("payouts", "show", "2026-03", "--format", "csv")[1])))
    assert cells[0]["partner_id"] == "'=cmd|' /C calc'!A0"
    assert cells[1]["status"] == "approved"


def test_the_bill_file_ties_with_its_control_totals(run, approved, home):
    run("payouts", "export", "2026-03", "--user", "dora")
    directory = home / "exports" / "2026-03"
    bills = list(csv.DictReader((directory / "bills.csv").open(newline="")))
    control = json.loads((directory / "control.json").read_text())
    assert [bill["amount"] for bill in bills] == ["7.00", "100.00"]
    assert bills[0]["vendor"].startswith("'=")
    assert (control["rows"], control["totals"]) == (2, {"USD": "107.00"})


def test_what_is_in_no_bank_file_is_2_after_the_others_were_exported(run, approved, home, tmp_path, monkeypatch):
    assert (
        "no bank files: the connection bank_vault_default" in run("payouts", "export", "2026-03", "--user", "dora")[1]
    )
    known = bank_vault.ach("p1", routing_number="121000249")
    bank_vault.fill(tmp_path / "vault.sqlite", monkeypatch, [known, bank_vault.ach("=cmd|' /C calc'!A0")])
    status, out, err = run("payouts", "export", "2026-03", "--user", "dora")
    assert (status, err.splitlines()[0]) == (2, "2026-03: 1 payouts are in no bank file")
    assert "exported to" in out
    assert "121000249" not in out + err
    directory = home / "exports" / "2026-03"
    assert (directory / "nacha.txt").exists()
    assert (directory / "statements" / "p1.html").exists()
    left_out = list(csv.DictReader((directory / "exceptions.csv").open(newline="")))
    assert [(row["partner_id"], row["reason"]) for row in left_out] == [("p1", "invalid_routing_number")]
    bank_vault.fill(tmp_path / "vault.sqlite", monkeypatch, [bank_vault.ach("p1")])
    assert run("payouts", "export", "2026-03", "--user", "dora", "--no-statements")[0] == 0
    assert (directory / "nacha-run2.txt").exists()


def test_statements_alone_for_one_partner(run, approved, home):
    status, out, _ = run("payouts", "statements", "2026-03", "--partner", "p1")
    assert status == 0
    assert "1 statements" in out
    assert run("payouts", "statements", "2026-03", "--partner", "p404")[0] == 2
    assert run("payouts", "statements", "2026-04")[0] == 4


def test_statements_count_who_is_told_why_nothing_is_paid(run, approved, home):
    """p2 has lines that wait, and no payout."""
    assert "  3 statements in" in run("payouts", "export", "2026-03", "--user", "dora")[1]
    directory = home / "exports" / "2026-03"
    assert "Nothing is paid for this month." in (directory / "statements" / "p2.html").read_text()
    control = json.loads((directory / "statements-control.json").read_text())
    assert (control["statements"], control["rows"], control["totals"]) == (3, 2, {"USD": "107.00"})
    assert "  1 statements in" in run("payouts", "statements", "2026-03", "--partner", "p2")[1]


def test_explain_says_why_a_partner_was_not_paid(run, refreshed):
    status, out, _ = run("explain", "--partner", "p2", "--period", "2026-03")
    assert status == 0
    assert "p2 has no approved payout in 2026-03." in out
    assert "(its amount not known yet) is held: fraud flag." in out
    assert "payable later, on 2026-04-29" in out


def test_explain_says_what_of_a_line_waits_for_another_payment(run, refreshed):
    partly = {"withheld_amount": "75", "withheld_base_amount": "1500", "hold_reason": "open_dispute"}
    publish(load_settings(), [line("up", "125", "2026-03-10", component="re_rate", **partly)])
    _, out, _ = run("explain", "--partner", "p1", "--period", "2026-03")
    assert "is due, and waits for a payout to be approved, but for 75.000 that is held: open_dispute." in out
    _, out, _ = run("explain", "--line", "up")
    assert "; payable (75.000 of it held: open_dispute)." in out


def test_a_partner_that_nobody_knows_is_refused_and_one_without_lines_is_not(run, refreshed):
    status, _, err = run("explain", "--partner", "p404", "--period", "2026-03")
    assert (status, err) == (2, "partner p404: there is no such partner in what is published\n")
    with duckdb.connect(str(load_settings().published_path)) as publication:
        publication.execute("CREATE SCHEMA IF NOT EXISTS partners")
        publication.execute("CREATE TABLE partners.dim_partner AS SELECT 'p404' AS partner_id")
    status, out, _ = run("explain", "--partner", "p404", "--period", "2026-03")
    assert status == 0
    assert "p404 has no approved payout in 2026-03." in out


def test_explain_a_line_gives_its_derivation(run, refreshed):
    found = json.loads(run("explain", "--line", "a", "--format", "json")[1])
    assert "base 1000.000 USD x rate 0.1 (tier Gold)" in found["summary"][0]
    assert [section["table"] for section in found["sections"]] == ["finance.commission_lines", "commission_plans.csv"]


def test_status_and_verify(run, approved):
    status, out, _ = run("status")
    assert status == 0
    assert "2026-03  approved   107.000 USD" in out
    assert run("verify")[:2] == (0, "the ledger is whole: 3 events\n")


def test_what_is_set_aside_is_said_after_every_run_and_in_the_status(run, refreshed, monkeypatch):
    with duckdb.connect(str(load_settings().published_path)) as publication:
        publication.execute(
            "CREATE TABLE ops.quarantine AS FROM (VALUES "
            "('l1', 'files', 'payments', 'payments/b.csv', 2, 'pm_1', 'amount', '400.000 USD stays', 'set_aside'), "
            "('l1', 'files', 'payments', 'payments/b.csv', 2, 'pm_1', 'currency', 'EUR', 'set_aside'), "
            "('l3', 'files', 'invoices', 'i.csv', 3, NULL, NULL, 'the row has 4 values, the header 5', 'set_aside'), "
            "('l4', 'files', 'refunds', 'r.csv', 3, NULL, 'refund_id', 'required value is missing', 'set_aside'), "
            "('l2', 'files', 'invoice_lines', 'a.csv', 2, 'il_1', 'product_id', 'there is no product X', 'kept')"
            ") AS t (load_id, source, object, file, line, record_key, field, reason, disposition)"
        )
    said = (
        "set aside: 1 of files invoices, a record without a key; ops.quarantine says why\n"
        "set aside: 1 of files payments, as pm_1 (field amount); ops.quarantine says why\n"
        "set aside: 1 of files refunds, a record without a key (field refund_id); ops.quarantine says why\n"
    )
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: None)
    assert run("run")[::2] == (0, said)
    assert said in run("status")[1]
    told = run("explain", "--movement", "pm_1")[1]
    assert "files payments in payments/b.csv, line 2, is set aside: amount: 400.000 USD stays." in told
