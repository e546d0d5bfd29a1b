"""What leaves the house ties with what was approved, to the cent and to the byte, whatever happens on the way."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import bank_vault
import nacha_records
import pytest
from exported_month import APPROVED_AT, PARTNERS, ledger_publication
from lxml import etree

from partner_warehouse.errors import BadInputError, NotAllowedError, PartnerWarehouseError
from partner_warehouse.exports import bank_files, export, files, pain001
from partner_warehouse.exports.currencies import in_minor_units
from partner_warehouse.ledger.payouts import PayoutService

ISO = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
APPROVED = {"EUR": "1350.00", "JPY": "125000", "USD": "348.07"}


def rows(path):
    return list(csv.DictReader(path.open(newline="", encoding="utf-8")))


def control(directory):
    return json.loads((directory / "control.json").read_text())


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def iso(directory, name="pain.001.xml"):
    return etree.fromstring((directory / name).read_bytes())


def text(document, path):
    return document.xpath(f"string({path})", namespaces=ISO)


def test_every_file_ties_with_what_was_approved(approved, vault_path, directory):
    state = approved.export("2026-03", "dora")
    assert (state.status, state.exceptions, state.has_bank_files) == ("exported", 0, True)
    told = control(directory)
    assert told["totals"] == APPROVED == told["bank"]["totals"]
    assert (told["payouts"], told["lines"], told["rows"], told["bank"]["payments"]) == (7, 7, 6, 6)

    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents(directory).items()}
    assert told["sha256"] == hashes["bills.csv"]
    named = {name: entry["sha256"] for name, entry in told["files"].items()}
    named |= {entry["file"]: entry["sha256"] for entry in told["bank"]["files"]}
    assert named == {name: value for name, value in hashes.items() if name != "control.json"}

    billed = defaultdict(Decimal)
    for bill in rows(directory / "bills.csv"):
        assert bill["amount"] == f"{in_minor_units(Decimal(bill['amount']), bill['currency']):f}"
        billed[bill["currency"]] += Decimal(bill["amount"])
    document = iso(directory)
    paid = defaultdict(Decimal)
    for amount in document.iterfind(".//p:InstdAmt", ISO):
        paid[amount.get("Ccy")] += Decimal(amount.text)
    entries = [
        record for record in nacha_records.read((directory / "nacha.txt").read_bytes()) if record["record"] == "6"
    ]
    paid["USD"] += sum(int(entry["cents"]) for entry in entries) / Decimal(100)
    released = defaultdict(Decimal)
    for line in rows(directory / "journal.csv"):
        if line["kind"] == "release":
            released[line["currency"]] += Decimal(line["credit"] or 0)
    assert billed == paid == released == {currency: Decimal(value) for currency, value in APPROVED.items()}
    assert rows(directory / "exceptions.csv") == []


def test_the_iso_file_ties_in_itself_and_asks_for_the_next_banking_day(approved, vault_path, directory):
    approved.export("2026-03", "dora")
    document = iso(directory)
    blocks = document.findall(".//p:PmtInf", ISO)
    assert text(document, "//p:GrpHdr/p:NbOfTxs") == "3"
    assert Decimal(text(document, "//p:GrpHdr/p:CtrlSum")) == Decimal("126350.00")
    assert text(document, "//p:GrpHdr/p:CreDtTm") == "2026-04-02T09:30:00Z"
    assert [text(block, ".//p:ReqdExctnDt/p:Dt") for block in blocks] == ["2026-04-03"] * 2
    assert [
        (text(block, "p:DbtrAcct/p:Ccy"), text(block, "p:NbOfTxs"), text(block, "p:CtrlSum")) for block in blocks
    ] == [
        ("EUR", "2", "1350.00"),
        ("JPY", "1", "125000"),
    ]
    assert [text(block, ".//p:SvcLvl/p:Cd") for block in blocks] == ["SEPA", ""]
    assert text(document, "//p:CdtrAcct//p:IBAN") == "FR1420041010050500013M02606"
    assert text(blocks[1], ".//p:CdtrAcct//p:Othr/p:Id") == "1234567"
    assert text(document, "//p:Cdtr/p:Nm") == "Societe Generale d'Eclairage"
    ids = [element.text for element in document.iterfind(".//p:EndToEndId", ISO)]
    assert ids == ["PO-2026-03-p-eur-1-EUR", "PO-2026-03-p-eur-2-EUR", "PO-2026-03-p-jpy-1-JPY"]
    assert all(
        len(element.text) <= 35 for path in ("MsgId", "PmtInfId") for element in document.iterfind(f".//p:{path}", ISO)
    )


def test_the_nacha_file_as_another_reader_sees_it(approved, vault_path, directory):
    achkit = pytest.importorskip("achkit")
    approved.export("2026-03", "dora")
    content = (directory / "nacha.txt").read_bytes()
    records = nacha_records.read(content)
    assert achkit.validate(content.decode())["ok"]
    assert [record["sec"] for record in records if record["record"] == "5"] == ["CCD", "PPD"]
    assert {record["effective"] for record in records if record["record"] == "5"} == {"260403"}
    entries = [record for record in records if record["record"] == "6"]
    assert [(entry["code"], entry["cents"]) for entry in entries] == [
        ("22", "0000000700"),
        ("22", "0000030000"),
        ("32", "0000004107"),
    ]
    texts = [record["text"].strip() for record in records if record["record"] == "7"]
    assert texts[1:] == ["RMR*IV*PO-2026-03-p-usd-1-USD**300.00\\", "RMR*IV*PO-2026-03-p-usd-2-USD**41.07\\"]


def test_exporting_again_changes_no_byte_whenever_it_is_done(approved, service_at, vault_path, directory):
    approved.export("2026-03", "dora")
    first = contents(directory)
    later = service_at(APPROVED_AT + timedelta(days=40))
    later.export("2026-03", "emil")
    assert contents(directory) == first
    for path in directory.iterdir():
        path.unlink()
    later.export("2026-03", "emil")
    assert contents(directory) == first


def test_what_the_vault_lacks_is_left_out_and_told_and_ordered_later(
    approved, service_at, vault_path, directory, monkeypatch
):
    broken = {"p-eur-2": {"iban": "NL91ABNA0417164301"}, "p-usd-2": {"routing_number": "121000249"}}
    partial = [row | broken.get(row["partner_id"], {}) for row in PARTNERS if row["partner_id"] != "p-jpy-1"]
    bank_vault.fill(vault_path, monkeypatch, partial)
    state = approved.export("2026-03", "dora")
    assert (state.status, state.exceptions) == ("exported", 3)
    told = {row["partner_id"]: row["reason"] for row in rows(directory / "exceptions.csv")}
    assert told == {
        "p-eur-2": "invalid_iban",
        "p-usd-2": "invalid_routing_number",
        "p-jpy-1": "no_bank_details",
    }
    bank = control(directory)["bank"]
    assert (bank["payments"], bank["exceptions"]) == (3, 3)
    both = {
        name: Decimal(bank["totals"].get(name, 0)) + Decimal(bank["exception_totals"].get(name, 0)) for name in APPROVED
    }
    assert both == {name: Decimal(value) for name, value in APPROVED.items()}
    first = contents(directory)

    bank_vault.fill(vault_path, monkeypatch, PARTNERS)
    state = service_at(APPROVED_AT + timedelta(days=8)).export("2026-03", "dora")
    assert state.exceptions == 0
    second = contents(directory)
    assert all(second[name] == first[name] for name in ("pain.001.xml", "nacha.txt", "bills.csv", "journal.csv"))
    once, again = iso(directory), iso(directory, "pain.001-run2.xml")
    ids = [element.text for document in (once, again) for element in document.iterfind(".//p:EndToEndId", ISO)]
    assert len(ids) == len(set(ids)) == 3
    assert text(once, "//p:MsgId") != text(again, "//p:MsgId")
    assert text(again, "//p:ReqdExctnDt/p:Dt") == "2026-04-13"  # 10 April is a Friday
    bank = control(directory)["bank"]
    assert (bank["payments"], bank["exceptions"], [file["run"] for file in bank["files"]]) == (6, 0, [1, 1, 2, 2])
    # Each order is logged with what was ordered until then; an export that orders nothing is not.
    approved.export("2026-03", "dora")
    exports = [entry.evidence_hash for entry in approved.log("2026-03") if entry.action == "export"]
    assert len(exports) == len(set(exports)) == 2
    assert approved.verify() == []


def test_more_than_one_file_takes_goes_into_the_next_and_what_no_payment_takes_is_told(
    home, installation, service_at, directory, vault_path, monkeypatch
):
    """NACHA sums a file in twelve digits of cents and an entry in ten; SEPA pays less than 10⁹ at once."""
    ledger_publication.publish(
        installation,
        [
            *(ledger_publication.line(f"u{n}", "99999999.99", "2026-03-07", partner_id=f"p{n:03}") for n in range(101)),
            ledger_publication.line("v", "100000000.00", "2026-03-07", partner_id="too-much"),
            ledger_publication.line("e", "1000000000.00", "2026-03-07", partner_id="p-eur-1", currency="EUR"),
            ledger_publication.line("f", "999999999.99", "2026-03-07", partner_id="p-eur-2", currency="EUR"),
        ],
    )
    accounts = [bank_vault.ach(partner_id) for partner_id in (*(f"p{n:03}" for n in range(101)), "too-much")]
    bank_vault.fill(vault_path, monkeypatch, [*accounts, *PARTNERS])
    service = service_at(APPROVED_AT)
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    service.approve("2026-03", "ben")
    assert service.export("2026-03", "dora").exceptions == 2
    told = {row["partner_id"]: (row["reason"], row["amount"]) for row in rows(directory / "exceptions.csv")}
    assert told == {
        "too-much": ("amount_too_large", "100000000.00"),
        "p-eur-1": ("amount_too_large", "1000000000.00"),
    }
    assert text(iso(directory), "//p:GrpHdr/p:CtrlSum") == "999999999.99"
    ends = [nacha_records.read((directory / name).read_bytes())[-1] for name in ("nacha.txt", "nacha-run2.txt")]
    assert [int(end["credits"]) for end in ends] == [999_999_999_900, 9_999_999_999]
    headers = [nacha_records.read((directory / name).read_bytes())[0] for name in ("nacha.txt", "nacha-run2.txt")]
    assert [(header["modifier"], header["created"]) for header in headers] == [("A", "2604020930"), ("B", "2604020930")]
    told = control(directory)["bank"]
    assert [(file["file"], file["payments"]) for file in told["files"]] == [
        ("nacha.txt", 100),
        ("pain.001.xml", 1),
        ("nacha-run2.txt", 1),
    ]
    assert service.verify() == []
    first = contents(directory)
    (directory / "nacha-run2.txt").unlink()
    service_at(APPROVED_AT + timedelta(days=9)).export("2026-03", "emil")
    assert contents(directory) == first


def test_a_file_that_is_gone_is_made_as_it_was_or_not_at_all(approved, vault_path, directory, monkeypatch):
    approved.export("2026-03", "dora")
    first = contents(directory)
    (directory / "pain.001.xml").unlink()
    moved = [row | {"iban": "BE68539007547034"} if row["partner_id"] == "p-eur-1" else row for row in PARTNERS]
    bank_vault.fill(vault_path, monkeypatch, moved)
    with pytest.raises(PartnerWarehouseError, match="cannot be made again as it was") as refused:
        approved.export("2026-03", "dora")
    assert "BE68" not in str(refused.value)
    assert not (directory / "pain.001.xml").exists()
    bank_vault.fill(vault_path, monkeypatch, PARTNERS)
    approved.export("2026-03", "dora")
    assert contents(directory) == first


def test_a_first_export_long_after_the_approval_asks_for_a_day_that_is_to_come(
    approved, service_at, vault_path, directory
):
    service_at(datetime(2026, 5, 7, 8, tzinfo=UTC)).export("2026-03", "dora")
    assert text(iso(directory), "//p:ReqdExctnDt/p:Dt") == "2026-05-08"


def test_without_a_vault_there_are_bills_and_journal_and_no_bank_file(approved, directory):
    state = approved.export("2026-03", "dora")
    assert (state.status, state.has_bank_files, state.exceptions) == ("exported", False, 0)
    assert sorted(contents(directory)) == ["bills.csv", "control.json", "exceptions.csv", "journal.csv"]
    assert control(directory)["bank"] is None


def test_what_no_bank_was_asked_to_pay_is_not_booked_as_paid_unless_it_is_said_how(
    approved, vault_path, directory, monkeypatch
):
    bank_vault.fill(vault_path, monkeypatch, [row for row in PARTNERS if row["partner_id"] != "p-jpy-1"])
    approved.export("2026-03", "dora")
    for reason in ("", "bank statement 17"):
        with pytest.raises(NotAllowedError, match=r"1 payouts are in no bank file"):
            approved.paid("2026-03", "dora", reason)
    assert approved.state("2026-03").status == "exported"
    with pytest.raises(BadInputError, match=r"--by-hand: say in --reason"):
        approved.paid("2026-03", "dora", " ", by_hand=True)
    state = approved.paid("2026-03", "dora", "transfer of 3 April", by_hand=True)
    assert (state.status, state.exceptions) == ("paid", 0)
    assert state.message == "2026-03: paid, 1 payouts by hand"
    assert [row["reason"] for row in rows(directory / "exceptions.csv")] == ["paid_by_hand"]
    assert approved.verify() == []


def test_that_no_bank_could_be_asked_is_known_without_the_vault(approved, vault_path, directory, monkeypatch):
    """The DAG has the vault, the shell that books the payment has not: nothing was ordered all the same."""
    bank_vault.fill(vault_path, monkeypatch, [])
    assert approved.export("2026-03", "dora").exceptions == 6
    monkeypatch.delenv("AIRFLOW_CONN_BANK_VAULT_DEFAULT")
    with pytest.raises(NotAllowedError, match=r"6 payouts are in no bank file"):
        approved.paid("2026-03", "dora")
    approved.paid("2026-03", "dora", "cheques", by_hand=True)
    assert {row["reason"] for row in rows(directory / "exceptions.csv")} == {"paid_by_hand"}
    assert approved.verify() == []


def test_a_bank_file_that_was_handed_over_is_not_needed_to_book_it(approved, vault_path, directory, monkeypatch):
    approved.export("2026-03", "dora")
    (directory / "pain.001.xml").rename(directory / "handed-over.xml")
    monkeypatch.delenv("AIRFLOW_CONN_BANK_VAULT_DEFAULT")
    with pytest.raises(PartnerWarehouseError, match="no bank vault is configured"):
        approved.export("2026-03", "dora")
    assert approved.paid("2026-03", "dora").status == "paid"
    assert approved.export("2026-03", "dora").exceptions == 0
    assert not (directory / "pain.001.xml").exists()


def test_what_never_left_the_house_is_not_booked(approved, vault_path, directory, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(export, "release", lambda _: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            approved.export("2026-03", "dora")
    assert approved.state("2026-03").status == "exported"
    with pytest.raises(NotAllowedError, match=r"cut off before nacha.txt, pain.001.xml had a name"):
        approved.paid("2026-03", "dora", "bank statement 17", by_hand=True)
    approved.export("2026-03", "dora")
    assert approved.paid("2026-03", "dora").status == "paid"


def test_nothing_is_ordered_again_after_a_payment_was_taken_away(approved, vault_path, installation):
    approved.export("2026-03", "dora")
    with sqlite3.connect(installation.home / "ledger.sqlite") as tampering:
        for table in ("payments", "payment_files"):
            tampering.execute(f"DROP TRIGGER {table}_no_delete")
            tampering.execute(f"DELETE FROM {table}")
    for action in (approved.export, approved.paid):
        with pytest.raises(NotAllowedError, match="what was ordered from banks is not what was logged"):
            action("2026-03", "dora")


def test_a_vault_that_came_after_the_export_orders_before_anything_is_paid(
    approved, directory, vault_path, monkeypatch
):
    monkeypatch.delenv("AIRFLOW_CONN_BANK_VAULT_DEFAULT")
    approved.export("2026-03", "dora")
    bank_vault.fill(vault_path, monkeypatch, PARTNERS)
    with pytest.raises(NotAllowedError, match=r"6 payouts are in no bank file"):
        approved.paid("2026-03", "dora")
    approved.export("2026-03", "dora")
    assert approved.paid("2026-03", "dora").message == "2026-03: paid"


def test_what_is_paid_is_ordered_from_no_bank_any_more(approved, directory, vault_path, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_BANK_VAULT_DEFAULT")
    approved.export("2026-03", "dora")
    approved.paid("2026-03", "dora")
    bank_vault.fill(vault_path, monkeypatch, PARTNERS)
    approved.export("2026-03", "dora")
    assert not list(directory.glob("pain*")) + list(directory.glob("nacha*"))


def test_the_journal_balances_per_period_and_currency_and_the_payment_follows(approved, vault_path, directory):
    approved.export("2026-03", "dora")
    before = (directory / "journal.csv").read_bytes()
    approved.paid("2026-03", "dora")
    assert (directory / "journal.csv").read_bytes() == before
    for name in ("journal.csv", "journal-payment.csv"):
        sides = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for line in rows(directory / name):
            key = line["period"], line["posting_date"], line["currency"]
            sides[key][0] += Decimal(line["debit"] or 0)
            sides[key][1] += Decimal(line["credit"] or 0)
        assert sides
        assert all(debit == credit for debit, credit in sides.values())
    lines = rows(directory / "journal.csv")
    of_owing = [
        (line["kind"], line["account_code"], line["debit"]) for line in lines if line["partner_id"] == "p-owing"
    ]
    assert ("accrual", "2150", "20.00") in of_owing
    assert ("clawback", "1250", "20.00") in of_owing
    assert {line["posting_date"] for line in lines if line["kind"] == "accrual"} == {"2026-03-31"}
    assert {line["posting_date"] for line in lines if line["kind"] == "release"} == {"2026-04-02"}
    paid = {(line["kind"], line["account_code"]) for line in rows(directory / "journal-payment.csv")}
    assert paid == {("payment", "2100"), ("payment", "1010")}


def test_account_codes_are_a_file_and_each_account_needs_one(approved, directory, tmp_path, installation):
    codes = tmp_path / "codes.csv"
    codes.write_text("account,code,name\ncommission_expense,X1,Expense\n")
    service = PayoutService(installation.model_copy(update={"gl_accounts": codes}))
    with pytest.raises(BadInputError, match=r"codes.csv: no code for accrued, payable"):
        service.export("2026-03", "dora")
    given = "".join(f"{name},X-{name},\uff1dN\n" for name in export.schema.ACCOUNTS)
    codes.write_text(f"account,code,name\n{given}", encoding="utf-8")
    service.export("2026-03", "dora")
    line = rows(directory / "journal.csv")[0]
    assert line["account_code"].startswith("X-")
    assert line["account_name"] == "'\uff1dN"


def test_only_what_is_approved_can_be_exported(installation, service_at, directory):
    service = service_at(APPROVED_AT)
    service.draft("2026-03", "ana")
    with pytest.raises(NotAllowedError):
        service.export("2026-03", "dora")
    assert not directory.exists()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", [1, 5, 6, 7, 8, 11])
def test_killed_at_any_moment_and_run_again_it_is_the_same_export(
    approved, service_at, vault_path, directory, monkeypatch, moment
):
    """Moments: before each staging and each release, and so on both sides of the ledger's commit."""
    left = [moment]

    def counted(function):
        def call(*arguments):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        for module, name in ((export, "stage"), (bank_files, "stage"), (export, "release")):
            patch.setattr(module, name, counted(getattr(files, name)))
        with pytest.raises(Killed):
            approved.export("2026-03", "dora")
    ordered = approved.state("2026-03").status == "exported"
    released = [name for name in ("pain.001.xml", "nacha.txt") if (directory / name).exists()]
    assert ordered or not released
    if (directory / "control.json").exists():
        assert len(released) == 2
    service_at(APPROVED_AT + timedelta(minutes=5)).export("2026-03", "dora")
    assert control(directory)["totals"] == APPROVED == control(directory)["bank"]["totals"]
    assert text(iso(directory), "//p:CreDtTm") == "2026-04-02T09:30:00Z"
    assert [entry.action for entry in approved.log("2026-03")].count("export") == 1


def test_a_file_that_does_not_validate_is_not_written_and_names_no_account(
    approved, vault_path, directory, monkeypatch
):
    monkeypatch.setattr(pain001, "_COMMISSION", "TOO-LONG")
    with pytest.raises(PartnerWarehouseError, match=r"does not validate") as refused:
        approved.export("2026-03", "dora")
    assert not any(account in str(refused.value) for account in ("FR14", "NL91", "DE89", "Societe"))
    assert approved.state("2026-03").status == "approved"
    assert not list(directory.glob("pain*")) + list(directory.glob("control*"))


def test_verify_finds_a_payment_that_was_not_approved(approved, vault_path, installation):
    approved.export("2026-03", "dora")
    assert approved.verify() == []
    with sqlite3.connect(installation.home / "ledger.sqlite") as tampering:
        tampering.execute("DROP TRIGGER payments_no_update")
        tampering.execute("UPDATE payments SET amount = amount + 1 WHERE partner_id = 'p-usd-1'")
        tampering.execute("DROP TRIGGER payments_no_delete")
        tampering.execute("DELETE FROM payments WHERE partner_id = 'p-eur-1'")
    assert approved.verify() == [
        "2026-03: what was ordered from banks is not what was logged",
        "payment of PO-2026-03-p-usd-1-USD: not what was approved",
        "2026-03: pain.001.xml has not the payments that were ordered",
    ]


def test_no_account_is_anywhere_but_in_the_bank_files(approved, vault_path, home, directory, caplog, capfd):
    approved.export("2026-03", "dora")
    approved.export("2026-03", "dora")
    secrets = ["FR1420041010050500013M02606", "NL91ABNA0417164300", "123456789", "121000248", "DE89370400440532013000"]
    for path in home.rglob("*"):
        if path.is_file() and path.name not in {"pain.001.xml", "nacha.txt"}:
            content = path.read_bytes().decode("utf-8", errors="replace")
            assert not [secret for secret in secrets if secret in content], path
    printed = caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in secrets if secret in printed]
    for name in ("pain.001.xml", "nacha.txt"):
        assert (directory / name).stat().st_mode & 0o077 == 0
