"""A statement says what was approved, line by line, in every script, and says the same for ever."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pypdf
import pytest
from exported_month import APPROVED_AT, LINES, ledger_publication

from partner_warehouse.errors import BadInputError, NotAllowedError
from partner_warehouse.exports import statements
from partner_warehouse.exports.statement_view import derivation
from partner_warehouse.ledger.payouts import PayoutService

NAMES = {
    "p-eur-1": "Žluťoučký kůň & <b>Söhne</b>",
    "p-eur-2": "Ελληνική Εταιρεία",
    "p-jpy-1": "株式会社サンプル",
    "p-usd-1": "«Жёлтый ящик»",
}
SECOND = [
    *LINES,
    ledger_publication.line(
        "e3",
        "125.49",
        "2026-03-20",
        partner_id="p-eur-1",
        currency="EUR",
        base_amount="548.500",
        base_currency="USD",
        rate="0.2",
        tier="Gold",
        split_share="0.5",
        fx_rate="1.1439538800",
        fx_date="2026-03-20",
    ),
    ledger_publication.line("h1", "60.00", "2026-03-21", partner_id="p-eur-1", currency="EUR", status="held"),
    ledger_publication.line(
        "s1", "70.00", "2026-03-22", partner_id="p-eur-1", currency="EUR", payable_on="2026-04-21", status="scheduled"
    ),
    ledger_publication.line("n1", "80.00", "2026-04-01", partner_id="p-eur-1", currency="EUR", status="scheduled"),
    ledger_publication.line("k1", "1.005", "2026-03-21", partner_id="p-kwd", currency="KWD"),
]


def name_partners(settings, names):
    with duckdb.connect(str(settings.published_path)) as publication:
        publication.execute("CREATE SCHEMA IF NOT EXISTS partners")
        publication.execute(
            "CREATE OR REPLACE TABLE partners.dim_partner (partner_id VARCHAR, name VARCHAR, country VARCHAR)"
        )
        for partner_id, name in names.items():
            publication.execute("INSERT INTO partners.dim_partner VALUES (?, ?, 'CZ')", [partner_id, name])


EXCLUDED = [
    ("payment", "pi-late", "outside_earn_window", "300.00", "EUR", "2026-03-01", ["p-eur-1", "p-secret"]),
    ("refund", "re-1", "excluded_product", "-1250", "JPY", "2026-03-01", ["p-eur-1"]),
    ("payment", "pi-april", "outside_earn_window", "301.00", "EUR", "2026-04-01", ["p-eur-1"]),
    ("payment", "pi-tax", "tax", "57.00", "EUR", "2026-03-01", None),
    ("payment", "<script>alert(1)</script>", "partner_terminated", "12.34", "USD", "2026-03-01", ["p-alone"]),
    ("payment", "=1+1", "no_enrolment", "7.00", "USD", "2026-03-01", ["=cmd|' /C calc'!A0", "p-alone"]),
    ("payment", "pi-typo", "unknown_partner", "8.00", "USD", "2026-03-01", ["P-USD1"]),
    ("payment", "pi-past", "partner_terminated", "9.00", "USD", "2026-02-01", ["p-gone"]),
]
WAITING = [
    ledger_publication.line("w1", "33.00", "2026-03-21", partner_id="p-waits", status="held", hold_reason="fraud_flag"),
    ledger_publication.line("w2", "44.00", "2026-02-02", partner_id="p-waits", currency="EUR", payable_on="2026-04-03"),
    ledger_publication.line("w3", "55.00", "2026-03-03", partner_id="p-usd-1", currency="EUR", payable_on="2026-04-03"),
]


def exclude(settings, rows):
    with duckdb.connect(str(settings.published_path)) as publication:
        publication.execute(
            "CREATE TABLE finance.exclusions (movement_kind VARCHAR, movement_id VARCHAR, reason VARCHAR, "
            "amount DECIMAL(18, 3), currency VARCHAR, month DATE, partner_ids VARCHAR)"
        )
        for *values, partner_ids in rows:
            known = None if partner_ids is None else json.dumps(partner_ids)
            publication.execute("INSERT INTO finance.exclusions VALUES (?, ?, ?, ?, ?, ?, ?)", [*values, known])


def approved(service_at):
    """The service, when it has approved the month of what is published."""
    service = service_at(APPROVED_AT)
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    service.approve("2026-03", "ben")
    return service


@pytest.fixture
def month(installation, service_at):
    ledger_publication.publish(installation, SECOND)
    name_partners(installation, NAMES)
    return approved(service_at)


@pytest.fixture
def told_all(installation, service_at):
    """A month with who is paid, who waits, and who earned nothing."""
    ledger_publication.publish(installation, [*SECOND, *WAITING])
    name_partners(installation, NAMES)
    exclude(installation, EXCLUDED)
    return approved(service_at)


def index(directory, name="statements.csv"):
    return list(csv.DictReader((directory / name).open(newline="", encoding="utf-8")))


def pdf_text(directory, partner_id):
    pages = pypdf.PdfReader(directory / "statements" / f"{partner_id}.pdf").pages
    return " ".join(" ".join(one.extract_text() for one in pages).split())


def documents(directory):
    return {path.name: path.read_bytes() for path in (directory / "statements").iterdir()}


class Page(HTMLParser):
    """The texts of a page, and whether it would fetch or run anything."""

    def __init__(self):
        super().__init__()
        self.texts, self.tags, self.attributes = [], set(), set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.texts.append(data)


def page(directory, partner_id):
    found = Page()
    found.feed((directory / "statements" / f"{partner_id}.html").read_text(encoding="utf-8"))
    return found, re.sub(r"\s+", " ", " ".join(found.texts))


def test_the_index_ties_with_the_approval_and_with_every_document(month, installation, directory):
    state = month.export("2026-03", "dora")
    written = statements.write(installation, "2026-03")
    told = json.loads((directory / "statements-control.json").read_text())
    money_files = json.loads((directory / "control.json").read_text())
    rows = index(directory)
    assert (written.statements, written.payouts, len(rows)) == (8, 8, 8)
    assert (told["rows"], told["lines"], told["content_hash"]) == (
        state.payout_count,
        state.line_count,
        state.content_hash,
    )
    assert told["totals"] == money_files["totals"]
    assert (told["rows"], told["lines"]) == (money_files["payouts"], money_files["lines"])
    assert told["sha256"] == hashlib.sha256((directory / "statements.csv").read_bytes()).hexdigest()
    for row in rows:
        for kind in ("html", "pdf"):
            assert row[f"{kind}_sha256"] == hashlib.sha256((directory / row[kind]).read_bytes()).hexdigest()
        assert Decimal(row["closing_balance"]) == (
            Decimal(row["opening_balance"])
            + Decimal(row["earned"])
            + Decimal(row["adjustments"])
            - Decimal(row["payable"])
        )
    hostile = next(row for row in rows if "cmd" in row["partner_id"])
    assert hostile["partner_id"].startswith("'=")
    assert re.fullmatch(r"statements/[A-Za-z0-9_.,()'+:?-]+\.html", hostile["html"])


def test_a_page_tells_what_of_a_line_waits_for_another_payment(installation, service_at, directory):
    """Of 2,500 at 5 % 1,500 are held: 50.00 are posted, for the rest; 75.00 wait, and are told as what they are."""
    partly = {"component": "re_rate", "rate": "0.05", "base_amount": "2500", "hold_reason": "open_dispute"}
    partly |= {"withheld_amount": "75", "withheld_base_amount": "1500", "movement_id": "free"}
    ledger_publication.publish(installation, [ledger_publication.line("up", "125", "2026-03-10", **partly)])
    approved(service_at)
    statements.write(installation, "2026-03")
    _, text = page(directory, "p1")
    told = text.replace("\N{MULTIPLICATION SIGN}", "x")
    assert "1,000.00 USD x 5 % 50.00" in told
    assert "1,500.00 USD x 5 % Held: open dispute 75.00" in told


def test_a_page_shows_every_line_and_runs_and_fetches_nothing(month, installation, directory):
    statements.write(installation, "2026-03")
    for partner_id in NAMES:
        found, text = page(directory, partner_id)
        assert not found.tags & {
            "script",
            "img",
            "link",
            "iframe",
            "a",
            "object",
            "b" if partner_id == "p-x" else "form",
        }
        assert not found.attributes & {"src", "href", "onload", "style"}
        assert html.unescape(NAMES[partner_id]) in text
    raw = (directory / "statements" / "p-eur-1.html").read_text(encoding="utf-8")
    assert "http" not in raw
    assert "<b>Söhne</b>" not in raw
    _, text = page(directory, "p-eur-1")
    assert "1,375.89" in text
    product = "548.50 USD (share of 50 %) x 20 % x 1.14395388 EUR per USD of 20 Mar 2026 = 125.491741"
    assert f"{product}, rounded by -0.001741" in text.replace("\N{MULTIPLICATION SIGN}", "x")
    assert "Held: no reason given" in text
    assert "Payable on 21 Apr 2026" in text
    assert "line n1" not in text
    assert "130.00" in text
    _, yen = page(directory, "p-jpy-1")
    assert "125,000 JPY" in yen
    _, dinar = page(directory, "p-kwd")
    assert "1.005 KWD" in dinar


def test_a_fee_is_told_with_its_factors_posted_or_waiting(installation, service_at, directory):
    """What waits is as it was kept with the first statements, which lines without fees may have been."""
    fee = {"partner_id": "p-usd-1", "component": "fixed_fee", "movement_kind": "deal", "tier": "Large"}
    fee |= {"base_amount": "20000", "rate": "1.5", "fee": "1000.01", "split_share": "0.3333"}
    lines = [ledger_publication.line(name, "499.96", "2026-03-22", **fee) for name in ("f1", "f2")]
    ledger_publication.publish(installation, [lines[0], lines[1] | {"status": "held", "is_held": True}])
    approved(service_at)
    statements.write(installation, "2026-03")
    factors = "for a deal of 20,000.00 USD x share of 33.33 % x scale 1.5"
    whole = f"fee 1,000.01 USD {factors} = 499.955000, rounded by +0.005000"
    _, text = page(directory, "p-usd-1")
    assert text.replace("\N{MULTIPLICATION SIGN}", "x").count(whole) == 2
    (kept,) = directory.rglob("waiting.parquet")
    before = kept.with_name("before.parquet")
    duckdb.execute(f"COPY (SELECT * EXCLUDE (fee) FROM '{kept}') TO '{before}' (FORMAT parquet)")
    before.replace(kept)
    statements.write(installation, "2026-03")
    _, text = page(directory, "p-usd-1")
    assert text.replace("\N{MULTIPLICATION SIGN}", "x").count(whole) == 1
    assert f"the fee {factors} Held" in text.replace("\N{MULTIPLICATION SIGN}", "x")


def test_what_a_line_corrects_and_what_is_carried_are_said(month, installation, service_at, directory):
    changed = [line | {"amount": "1200.40"} if line["line_id"] == "e1" else line for line in SECOND]
    ledger_publication.publish(installation, changed)
    service = service_at(APPROVED_AT.replace(month=5))
    service.draft("2026-04", "ana")
    service.submit("2026-04", "ana")
    service.approve("2026-04", "ben")
    statements.write(installation, "2026-04")
    april = directory.with_name("2026-04")
    _, text = page(april, "p-eur-1")
    assert "Corrects line e1 of 2026-03 (1,250.40 EUR)" in text
    assert "-50.00" in text
    _, owing = page(april, "p-owing")
    assert "Balance brought forward -20.00" in owing
    assert "20.00 USD are set off against coming commissions" in owing
    assert "No line in this month" in owing


def test_the_day_of_the_approval_is_the_one_that_the_journal_has(installation, directory):
    """Late in the evening by UTC it is the next day in Berlin."""
    berlin = installation.model_copy(update={"timezone": "Europe/Berlin"})
    service = PayoutService(berlin, clock=lambda: APPROVED_AT.replace(hour=23))
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    service.approve("2026-03", "ben")
    service.export("2026-03", "dora")
    statements.write(berlin, "2026-03")
    with (directory / "journal.csv").open(newline="", encoding="utf-8") as file:
        released = {row["posting_date"] for row in csv.DictReader(file) if row["kind"] == "release"}
    assert released == {"2026-04-03"}
    _, text = page(directory, "p-usd-1")
    assert "Approved 3 Apr 2026" in text


def test_made_again_after_the_publication_has_moved_on_they_are_the_same(month, installation, directory):
    statements.write(installation, "2026-03")
    first = documents(directory), (directory / "statements.csv").read_bytes()
    ledger_publication.publish(installation, [line | {"status": "payable"} for line in SECOND])
    name_partners(installation, {"p-eur-1": "Renamed"})
    for path in (directory / "statements").glob("*.pdf"):
        path.unlink()
    statements.write(installation, "2026-03")
    assert (documents(directory), (directory / "statements.csv").read_bytes()) == first


def test_in_several_processes_they_are_the_same_as_in_one(month, installation, directory, monkeypatch):
    statements.write(installation, "2026-03")
    first = documents(directory)
    monkeypatch.setattr(statements, "_CHUNK", 3)
    monkeypatch.setattr(statements.os, "cpu_count", lambda: 2)
    statements.write(installation, "2026-03")
    assert documents(directory) == first


def test_of_two_that_write_a_month_at_once_both_end_well(month, installation, directory, monkeypatch):
    """The first one stops between writing a page aside and giving it its name, until the other has done the same."""
    stopped, renamed = threading.Event(), threading.Event()
    replace = Path.replace

    def slow(path, target):
        is_page = path.suffixes[-2:] == [".html", ".tmp"]
        if is_page and not stopped.is_set():
            stopped.set()
            renamed.wait(2)
            is_page = False
        there = replace(path, target)
        if is_page:
            renamed.set()
        return there

    monkeypatch.setattr(Path, "replace", slow)
    with ThreadPoolExecutor(2) as pool:
        written = [pool.submit(statements.write, installation, "2026-03") for _ in range(2)]
        assert {one.result().payouts for one in written} == {len(index(directory))}
    for row in index(directory):
        for kind in ("html", "pdf"):
            assert hashlib.sha256((directory / row[kind]).read_bytes()).hexdigest() == row[f"{kind}_sha256"]


def test_the_pdf_says_what_the_page_says(month, installation, directory):
    statements.write(installation, "2026-03")
    # No embedded font has the characters of the one name: they are written in Latin, and not as empty boxes.
    written = NAMES | {"p-jpy-1": "Zhu Shi Hui She sanpuru"}
    for partner_id, name in written.items():
        text = pdf_text(directory, partner_id)
        assert name in text, partner_id
        assert "Page 1 of 1" in text
        for payout in (row for row in month.payouts("2026-03") if row["partner_id"] == partner_id):
            paid = f"{payout['payable']:,.{0 if payout['currency'] == 'JPY' else 2}f}"
            assert f"Paid out {paid} {payout['currency']} {payout['payout_id']}" in text


def test_a_long_statement_has_numbered_pages_and_every_line(installation, service_at, directory):
    lines = [
        ledger_publication.line(
            f"line-{number:04d}", "1.00", f"2026-03-{number % 28 + 1:02d}", base_amount="10", rate="0.1"
        )
        for number in range(120)
    ]
    ledger_publication.publish(installation, lines)
    approved(service_at)
    statements.write(installation, "2026-03")
    _, text = page(directory, "p1")
    assert sum(f"line line-{number:04d}" in text for number in range(120)) == 120
    pdf = (directory / "statements" / "p1.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 5
    assert re.search(rb"/FontFile2", pdf)


def test_a_statement_ends_with_what_earned_nothing_and_why(told_all, installation, directory):
    """It is told of the partner alone, and of the month: of others not even that there are any."""
    statements.write(installation, "2026-03")
    found, text = page(directory, "p-eur-1")
    assert not found.tags & {"script"}
    told = text[text.index("Earned nothing") :]
    assert "As known when the statement was made" in told
    assert "Payment pi-late outside earn window 300.00 EUR" in told
    assert "Refund re-1 excluded product -1,250 JPY" in told
    for other in ("p-secret", "pi-april", "pi-tax", "tax 57.00", "script", "p-alone"):
        assert other not in text, other
    printed = pdf_text(directory, "p-eur-1")
    assert "Payment 300.00 EUR pi-late outside earn window" in printed
    assert "Refund -1,250 JPY re-1 excluded product" in printed
    assert "p-secret" not in printed
    assert "Nothing is paid" not in text + printed
    assert "Earned nothing" not in page(directory, "p-eur-2")[1] + pdf_text(directory, "p-eur-2")


def test_who_has_lines_that_wait_and_no_payout_is_told_so(told_all, installation, directory):
    written = statements.write(installation, "2026-03", partner_id="p-waits")
    assert (written.statements, written.payouts) == (1, 0)
    _, text = page(directory, "p-waits")
    for shown in (text, pdf_text(directory, "p-waits")):
        assert "ST-2026-03-p-waits" in shown
        assert "2 Apr 2026" in shown
        assert "Nothing is paid for this month." in shown
        assert "Held: fraud flag" in shown
        assert "Payable on 3 Apr 2026" in shown
        assert shown.index("44.00") < shown.index("33.00")
        for amount in ("Paid out 0.00 EUR", "Balance carried forward 0.00", "Paid out 0.00 USD"):
            assert amount in shown
    assert told_all.state("2026-03").content_hash[:16] in text


def test_what_waits_in_another_currency_than_the_payout_has_a_sheet_too(told_all, installation, directory):
    statements.write(installation, "2026-03", partner_id="p-usd-1")
    _, text = page(directory, "p-usd-1")
    assert "Paid out 300.00 USD" in text
    assert "Paid out 0.00 EUR" in text
    assert "55.00" in text
    assert "Nothing is paid" not in text


def test_who_has_only_what_earned_nothing_is_told_that_alone(told_all, installation, directory):
    statements.write(installation, "2026-03")
    found, text = page(directory, "p-alone")
    assert "script" not in found.tags
    for shown in (text, pdf_text(directory, "p-alone")):
        assert "Nothing is paid for this month." in shown
        assert "partner terminated" in shown
        assert "12.34 USD" in shown
        assert "<script>alert(1)</script>" in shown
        assert "Balance" not in shown
        assert "calc" not in shown


def test_statements_without_a_payout_are_counted_and_change_no_sum(told_all, installation, directory):
    state = told_all.export("2026-03", "dora")
    written = statements.write(installation, "2026-03")
    told = json.loads((directory / "statements-control.json").read_text())
    money_files = json.loads((directory / "control.json").read_text())
    rows, without = index(directory), index(directory, "statements-without-payout.csv")
    assert (len(rows), told["rows"], written.payouts) == (state.payout_count,) * 3
    assert (told["lines"], told["totals"]) == (state.line_count, money_files["totals"])
    assert [row["partner_id"] for row in without] == ["p-alone", "p-secret", "p-waits"]
    assert told["without_payout"] == {
        "file": "statements-without-payout.csv",
        "rows": 3,
        "sha256": hashlib.sha256((directory / "statements-without-payout.csv").read_bytes()).hexdigest(),
    }
    pages = list((directory / "statements").glob("*.html"))
    assert len(pages) == told["statements"] == written.statements == len({row["html"] for row in rows + without})
    for row in rows + without:
        for kind in ("html", "pdf"):
            assert row[f"{kind}_sha256"] == hashlib.sha256((directory / row[kind]).read_bytes()).hexdigest()


def test_who_has_nothing_in_the_month_has_no_statement(told_all, installation, directory):
    """Nor has an id that is no partner's: there is nobody to send it to."""
    for partner_id in ("p-gone", "P-USD1"):
        with pytest.raises(BadInputError, match="no statement"):
            statements.write(installation, "2026-03", partner_id=partner_id)
    statements.write(installation, "2026-03")
    assert not {"p-gone.html", "P-USD1.html"} & documents(directory).keys()


def test_a_month_without_any_payout_has_no_statements(installation, service_at, directory):
    ledger_publication.publish(installation, WAITING)
    exclude(installation, EXCLUDED)
    approved(service_at)
    written = statements.write(installation, "2026-03")
    assert (written.statements, written.payouts, index(directory)) == (0, 0, [])


def test_what_earned_nothing_is_told_for_ever_as_it_was_first(told_all, installation, directory):
    statements.write(installation, "2026-03")
    first = documents(directory)
    ledger_publication.publish(installation, SECOND)
    statements.write(installation, "2026-03")
    assert documents(directory) == first


def test_statements_from_before_exclusions_were_told_stay_as_they_were(month, installation, directory):
    """Then only names and waiting lines were kept."""
    statements.write(installation, "2026-03")
    (directory / "statements" / "exclusions.parquet").unlink()
    before = documents(directory)
    exclude(installation, EXCLUDED)
    statements.write(installation, "2026-03")
    assert documents(directory) == before
    assert not (directory / "statements-without-payout.csv").exists()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_first_writing_that_was_killed_leaves_no_month_from_before(
    told_all, installation, directory, monkeypatch, kept
):
    replace, done = Path.replace, []

    def die(path, target):
        if len(done) == kept:
            raise KeyboardInterrupt
        done.append(target)
        return replace(path, target)

    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            statements.write(installation, "2026-03", partner_id="p-alone")
    statements.write(installation, "2026-03", partner_id="p-alone")
    assert "partner terminated" in page(directory, "p-alone")[1]


def test_a_publication_that_does_not_say_whom_a_reason_concerns_tells_nothing(told_all, installation, directory):
    with duckdb.connect(str(installation.published_path)) as publication:
        publication.execute("ALTER TABLE finance.exclusions DROP COLUMN partner_ids")
    statements.write(installation, "2026-03")
    assert "Earned nothing" not in page(directory, "p-eur-1")[1]
    assert not (directory / "statements" / "p-alone.html").exists()


def test_only_approved_months_and_partners_who_have_something_in_them_have_statements(month, installation, directory):
    with pytest.raises(NotAllowedError):
        statements.write(installation, "2026-04")
    with pytest.raises(BadInputError, match="p404 has no payout"):
        statements.write(installation, "2026-03", partner_id="p404")
    assert statements.write(installation, "2026-03", partner_id="p-usd-1").payouts == 1
    assert not (directory / "statements.csv").exists()
    assert not (directory.parent / "2026-04").exists()


def test_nobody_else_reads_what_is_exported(month, installation, directory):
    """What is kept beside the statements is of all partners."""
    statements.write(installation, "2026-03")
    found = [directory, *directory.rglob("*")]
    assert {path.name for path in found} >= {
        *("2026-03", "statements", "exclusions.parquet", "partners.parquet", "waiting.parquet")
    }
    assert [path for path in found if path.stat().st_mode & 0o077] == []


def test_a_font_that_cannot_be_embedded_is_named(month, installation, tmp_path, directory):
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    with pytest.raises(BadInputError, match=r"broken\.ttf is not a TrueType font"):
        statements.write(installation.model_copy(update={"statement_fonts": (broken,)}), "2026-03")
    assert not (directory / "statements").exists()


def test_a_fee_multiplies_out():
    """A fee may have more decimals than its currency; of a difference to what was posted there is no product."""
    times = " \N{MULTIPLICATION SIGN} "
    row = {"component": "fixed_fee", "base_amount": Decimal(20000), "base_currency": "USD", "currency": "USD"}
    row |= {"split_share": Decimal("0.333300000000"), "rate": Decimal("1.5"), "fee": Decimal("1000.010")}
    row |= {"fx_rate": Decimal(1), "fx_date": date(2026, 3, 20), "amount": Decimal("499.960"), "line_id": "x"}
    factors = f"fee 1,000.01 USD for a deal of 20,000.00 USD{times}share of 33.33 %{times}scale 1.5"
    assert derivation(row) == f"{factors} = 499.955000, rounded by +0.005000"
    assert derivation(row | {"line_id": "ADJ-x"}) == factors
    assert derivation(row | {"amount": None}) == factors
    assert derivation(row | {"rate": Decimal(0), "amount": Decimal(0)}) == factors.replace("1.5", "0")
    whole = row | {"split_share": Decimal("1.000000000000"), "rate": Decimal("1.000000000000")}
    assert derivation(whole | {"amount": Decimal("1000.010")}) == "fee 1,000.01 USD for a deal of 20,000.00 USD"
    yen = whole | {"currency": "JPY", "fee": Decimal("1000.400"), "amount": Decimal(1000), "fx_rate": Decimal("150.25")}
    assert derivation(yen) == (
        "fee 1,000.4 JPY for a deal of 20,000.00 USD at 150.25 JPY per USD of 20 Mar 2026 = 1,000.4000, "
        "rounded by -0.4000"
    )


def test_a_fee_that_was_posted_while_lines_had_none_a_flat_bonus_and_a_cap_are_not_told_as_a_product():
    row = {"base_amount": Decimal(12000), "base_currency": "USD", "currency": "USD", "split_share": Decimal(1)}
    row |= {"rate": Decimal("1.2"), "fx_rate": None, "amount": Decimal("600.00"), "line_id": "x"}
    fee = row | {"component": "fixed_fee"}
    assert derivation(fee) == "the fee for a deal of 12,000.00 USD \N{MULTIPLICATION SIGN} scale 1.2"
    shared = fee | {"rate": Decimal(1), "split_share": Decimal("0.3"), "currency": "EUR"}
    assert derivation(shared | {"fx_rate": Decimal("0.9000000000"), "fx_date": date(2026, 3, 20)}) == (
        "the fee for a deal of 12,000.00 USD at 0.9 EUR per USD of 20 Mar 2026 \N{MULTIPLICATION SIGN} share of 30 %"
    )
    assert derivation(row | {"component": "bonus", "rate": None}).startswith("flat")
    left_out = row | {"component": "cap", "base_amount": Decimal(0), "rate": None, "amount": Decimal("-100.00")}
    assert derivation(left_out) == "what the cap of the month leaves out"


@pytest.mark.parametrize(
    "ids", [("a-b", "a/b"), ("A-1", "A 1", "A\t1"), ("../x", "x", "..x"), ("株式会社", "株式会社 ")]
)
def test_no_two_partners_share_a_statement_s_file(ids: tuple[str, ...]) -> None:
    """The one would be sent what the other one earned."""
    names = [statements.file_name(partner_id) for partner_id in ids]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) for name in names)
