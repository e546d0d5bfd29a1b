"""The file drop: taken once by content, refused loudly, never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from landed_records import rows

from partner_warehouse.errors import BadInputError, PartnerWarehouseError
from partner_warehouse.extract import csv_records, files, state
from partner_warehouse.extract.ingest import ingest, ingest_source
from partner_warehouse.landing.manifest import manifests
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.settings import Settings

HEADER = "payment_id,invoice_id,amount,currency,paid_at\n"
ROW = "p1,i1,100.50,USD,2026-01-01T00:00:00Z\n"

Drop = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def drop(settings: Settings) -> Drop:
    """Puts a file into the inbox."""

    def put(content: str | bytes, name: str = "a.csv", object_name: str = "payments") -> Path:
        path = settings.inbox_dir / object_name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


@pytest.fixture
def payments(settings: Settings) -> Rows:
    """The landed payments, or their quarantine."""
    return partial(rows, settings, name="files/payments")


def counts(outcome: LoadOutcome) -> tuple[int, int, int, int]:
    return outcome.received, outcome.landed, outcome.quarantined, outcome.duplicates


def test_a_file_is_taken_once_and_left_as_it_is(settings: Settings, drop: Drop, payments: Rows) -> None:
    path = drop(HEADER + ROW)
    before = path.stat()
    assert counts(ingest("files", "payments", settings)) == (1, 1, 0, 0)
    assert not ingest("files", "payments", settings).is_new
    drop(HEADER + ROW, "the same under another name.csv")
    os.utime(path)
    assert not ingest("files", "payments", settings).is_new
    assert path.read_text() == HEADER + ROW
    assert path.stat().st_ino == before.st_ino
    assert len(payments()) == 1
    drop(HEADER + ROW.replace("100.50", "99.00"))
    assert ingest("files", "payments", settings).landed == 1
    assert [row["amount"] for row in payments()] == [Decimal("100.5"), Decimal(99)]


def test_a_lost_state_takes_nothing_twice(settings: Settings, drop: Drop) -> None:
    drop(HEADER + ROW)
    ingest("files", "payments", settings)
    state.state_path(settings, "files", "payments").unlink()
    assert not ingest("files", "payments", settings).is_new


def test_a_crash_between_load_and_state_takes_nothing_twice(
    settings: Settings, drop: Drop, payments: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    drop(HEADER + ROW)
    with monkeypatch.context() as patched:
        patched.setattr("partner_warehouse.extract.files.write_state", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest("files", "payments", settings)
    assert len(payments()) == 1
    assert not ingest("files", "payments", settings).is_new
    assert len(payments()) == 1


def test_a_removed_load_is_taken_again(settings: Settings, drop: Drop) -> None:
    import shutil

    drop(HEADER + ROW)
    ingest("files", "payments", settings)
    shutil.rmtree(settings.landing_dir)
    assert ingest("files", "payments", settings).landed == 1


def landed_files(settings: Settings) -> list[list[str]]:
    """The files of each load of payments, the oldest load first."""
    newest_first = [manifest.files for manifest in manifests(settings.landing_dir, "files", "payments")]
    return [[file.name.removeprefix("payments/") for file in files] for files in newest_first[::-1]]


def test_files_land_in_the_order_of_their_names(settings: Settings, drop: Drop, payments: Rows) -> None:
    drop(HEADER + ROW, "b.csv")
    drop(HEADER + ROW.replace("p1", "p2"), "a.csv")
    ingest("files", "payments", settings)
    assert landed_files(settings) == [["a.csv", "b.csv"]]
    assert [(row["_file"], row["payment_id"]) for row in payments()] == [
        ("payments/a.csv", "p2"),
        ("payments/b.csv", "p1"),
    ]


def test_a_further_file_comes_after_the_one_that_it_is_named_after(
    settings: Settings, drop: Drop, payments: Rows
) -> None:
    names = ["march.csv", "march (2).csv", "march-again.csv", "march_b.csv"]
    for number, name in enumerate(names):
        drop(HEADER + ROW.replace("p1", f"p{number}"), name)
    ingest("files", "payments", settings)
    assert landed_files(settings) == [names]
    assert [row["_file"] for row in payments()] == [f"payments/{name}" for name in names]


def test_small_files_cost_what_one_file_costs(
    settings: Settings, drop: Drop, payments: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loads and writes of the state, for as many files as come together."""
    real, writes = files.write_state, []

    def counted(*arguments: Any) -> None:
        writes.append(arguments)
        real(*arguments)

    monkeypatch.setattr(files, "write_state", counted)
    for number in range(120):
        drop(HEADER + ROW.replace("p1", f"p{number:03d}"), f"{number:03d}.csv")
    outcome = ingest("files", "payments", settings)
    assert (outcome.landed, len(outcome.load_ids), len(writes)) == (120, 1, 1)
    assert [(row["payment_id"], row["_row"]) for row in payments()] == [(f"p{n:03d}", n + 1) for n in range(120)]
    drop(HEADER + ROW.replace("p1", "more"), "120.csv")
    assert ingest("files", "payments", settings).landed == 1
    assert len(writes) == 2
    assert not ingest("files", "payments", settings).is_new
    assert len(writes) == 2


def test_files_with_another_header_and_large_ones_are_loads_of_their_own(
    settings: Settings, drop: Drop, payments: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TOGETHER_FILES", 3)
    monkeypatch.setattr(files, "TOGETHER_BYTES", 1000)
    for name in "abcd":
        drop(HEADER + ROW.replace("p1", name), f"{name}.csv")
    drop(HEADER.replace("\n", ",note\n") + ROW.replace("\n", ",x\n") + ROW, "e.csv")
    drop(HEADER + ROW + ROW.replace("\n", ",y\n"), "f.csv")
    drop(HEADER + "".join(ROW.replace("p1", f"p{number}") for number in range(50)), "g.csv")
    drop(HEADER + ROW.replace("p1", "h"), "h.csv")
    assert ingest("files", "payments", settings).quarantined == 2
    assert landed_files(settings) == [
        ["a.csv", "b.csv", "c.csv"],
        ["d.csv"],
        ["e.csv"],
        ["f.csv"],
        ["g.csv"],
        ["h.csv"],
    ]
    assert [(row["file"], row["row"], row["reason"]) for row in payments("quarantine")] == [
        ("payments/e.csv", 2, "the row has 5 values, the header 6 columns"),
        ("payments/f.csv", 2, "the row has 6 values, the header 5 columns"),
    ]


def test_each_file_is_a_delivery_of_its_own(settings: Settings, drop: Drop, payments: Rows) -> None:
    """Landed together: what two of them say alike is said twice, and so the first amount stays the first."""
    other = ROW.replace("100.50", "99.00")
    for name, row in (("a.csv", ROW + ROW), ("b.csv", other), ("c.csv", ROW + "\n")):
        drop(HEADER + row, name)
    drop(HEADER + ROW, "d, with a's content.csv")
    assert counts(ingest("files", "payments", settings)) == (5, 4, 0, 1)
    assert [(row["_file"][-5], row["amount"], row["_row"]) for row in payments()] == [
        ("a", Decimal("100.5"), 2),
        ("b", Decimal(99), 3),
        ("c", Decimal("100.5"), 4),
        ("t", Decimal("100.5"), 5),
    ]


def test_bad_rows_of_files_that_land_together_have_their_own_lines(
    settings: Settings, drop: Drop, payments: Rows
) -> None:
    bad, fine = ROW.replace("100.50", "x"), ROW.replace("i1", '"i\n1"')
    drop(HEADER + fine + bad, "a.csv")
    drop(HEADER + bad + bad, "b.csv")
    drop(HEADER + "\n" + bad + fine + fine.replace("p1", "p2") + bad.replace("p1", "p3"), "c.csv")
    assert counts(ingest("files", "payments", settings)) == (8, 3, 4, 1)
    assert landed_files(settings) == [["a.csv", "b.csv", "c.csv"]]
    # The warehouse adds the header's line.
    assert [(row["file"][-5], row["row"] + 1, row["record_key"]) for row in payments("quarantine", "*")] == [
        ("b", 3, "p1"),
        ("c", 3, "p1"),
        ("a", 4, "p1"),
        ("c", 8, "p3"),
    ]


def test_a_file_that_no_load_can_be_made_of_keeps_no_other_from_landing(
    settings: Settings, drop: Drop, payments: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from partner_warehouse.landing import layout, store

    for module in (store, layout):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1 << 16)
    drop(HEADER + ROW, "a.csv")
    drop(HEADER + ROW.replace("i1", "x" * (1 << 18)), "b.csv")
    drop(HEADER + ROW.replace("p1", "p3"), "c.csv")
    for landed in (["p1", "p3"], ["p1", "p3"]):
        with pytest.raises(BadInputError, match=r"^payments/b.csv: cannot be read line by line") as refused:
            ingest("files", "payments", settings)
        assert len(str(refused.value).splitlines()) == 1
        assert [row["payment_id"] for row in payments()] == landed
    assert landed_files(settings) == [["a.csv"], ["c.csv"]]


@pytest.mark.parametrize("moment", ["before the load", "after the load"])
def test_a_kill_among_many_files_loses_none_and_counts_none_twice(
    settings: Settings, drop: Drop, payments: Rows, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(files, "TOGETHER_FILES", 3)
    for number in range(8):
        drop(HEADER + ROW.replace("p1", f"p{number}"), f"{number}.csv")
    step = "land" if moment == "before the load" else "write_state"
    real, calls = getattr(files, step), []

    def killed(*arguments: Any, **options: Any) -> Any:
        calls.append(step)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(files, step, killed)
        with pytest.raises(KeyboardInterrupt):
            ingest("files", "payments", settings)
    outcome = ingest("files", "payments", settings)
    assert outcome.landed == (5 if moment == "before the load" else 2)
    assert [row["payment_id"] for row in payments()] == [f"p{number}" for number in range(8)]
    assert not ingest("files", "payments", settings).is_new


def test_csv_as_spreadsheets_write_it(settings: Settings, drop: Drop, payments: Rows) -> None:
    content = (
        '\ufeff"payment_id",invoice_id , amount,currency,paid_at,note\r\n'
        '"p,1","i ""1""",1.5,USD,2026-01-01T00:00:00Z,"two\r\nlines"\r\n'
        "\r\n"
        ",,,,,\r\n"
        "p2,i2,2,USD,2026-01-01T00:00:00Z,ünïcode 🙂\r\n"
    )
    drop(content)
    outcome = ingest("files", "payments", settings)
    assert counts(outcome) == (2, 2, 0, 0)
    assert outcome.undeclared == {"note": 2}
    first, second = payments(columns="payment_id, invoice_id, amount, _row, _raw")
    assert (first["payment_id"], first["invoice_id"]) == ("p,1", 'i "1"')
    assert '"note":"two\\r\\nlines"' in first["_raw"]
    assert second["_row"] == 2
    assert "ünïcode 🙂" in second["_raw"]


def test_a_bad_row_is_set_aside_with_file_row_field_and_reason(settings: Settings, drop: Drop, payments: Rows) -> None:
    drop(
        HEADER
        + ROW
        + 'p2,i1,"1,5",USD,2026-01-01T00:00:00Z\n'
        + "p3,i1,5,USD,2026-01-01T00:00:00\n"
        + "p4,i1,5,USD\n"
        + ROW.replace("p1", "p5")
    )
    assert counts(ingest("files", "payments", settings)) == (5, 2, 3, 0)
    found = payments("quarantine", "row, file, record_key, field, reason")
    assert [(row["row"], row["record_key"], row["field"]) for row in found] == [
        (2, "p2", "amount"),
        (3, "p3", "paid_at"),
        (4, None, None),
    ]
    assert {row["file"] for row in found} == {"payments/a.csv"}
    assert "decimal comma" in found[0]["reason"]
    assert "offset" in found[1]["reason"]
    assert found[2]["reason"] == "the row has 4 values, the header 5 columns"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_instant_that_stands_for_none_is_set_aside_with_file_row_field_and_reason(
    settings: Settings, drop: Drop, payments: Rows, tmp_path: Path, suffix: str
) -> None:
    """Programs without an empty value write the first of their calendar: in some time zone it is before year 1."""
    moments = ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00.000Z", "1899-12-31T23:59Z"]
    source = tmp_path / f"a.{suffix}"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 'p' || unnest(range(1, 5)) AS payment_id, 'i1' AS invoice_id, '1.0' AS amount, "
            f"'USD' AS currency, unnest(?) AS paid_at) TO '{source}' "
            f"(FORMAT {suffix.replace('jsonl', 'json')}{', HEADER' * (suffix == 'csv')})",
            [moments],
        )
    drop(source.read_bytes(), source.name)
    assert counts(ingest("files", "payments", settings)) == (4, 1, 3, 0)
    assert {
        (row["file"], row["row"], row["record_key"], row["field"], row["reason"]) for row in payments("quarantine")
    } == {
        (f"payments/a.{suffix}", n, f"p{n}", "paid_at", "earlier than 1900: leave the value out where there is none")
        for n in (2, 3, 4)
    }


@pytest.mark.parametrize(
    ("name", "key", "reserved"),
    [
        ("partners", "partner_id", "no_partner"),
        ("partners", "partner_id", "unattributed"),
        ("partners", "partner_id", "unassigned"),
        ("partners", "partner_id", "none"),
        ("partners", "partner_id", "NONE"),
        ("activities", "activity_id", "no_campaign"),
        ("activities", "activity_id", "unattributed"),
        ("partners", "partner_id", "None"),
    ],
)
def test_nobody_is_called_what_the_reports_call_nobody(
    settings: Settings, drop: Drop, name: str, key: str, reserved: str
) -> None:
    drop(f"{key},name\nP1,Alder\n{reserved},Birch\n", object_name=name)
    assert counts(ingest("files", name, settings)) == (2, 1, 1, 0)
    (quarantine,) = settings.landing_dir.glob(f"files/{name}/*/quarantine.parquet")
    found = duckdb.sql(f"SELECT file, row, record_key, field, reason FROM '{quarantine}'").fetchall()
    assert [row[:4] for row in found] == [(f"{name}/a.csv", 2, reserved, key)]
    assert reserved.lower() in found[0][4]
    assert "use another id" in found[0][4]


@pytest.mark.parametrize(
    ("name", "columns", "fine", "reserved", "field"),
    [
        (
            "enrolments",
            "enrolment_id,partner_id,programme,plan_id,starts_on",
            "E1,P1,reseller,reseller-standard,2026-01-01",
            "E2,P1,none,reseller-standard,2026-01-01",
            "programme",
        ),
        (
            "enrolments",
            "enrolment_id,partner_id,programme,plan_id,starts_on",
            "E1,P1,,reseller-standard,2026-01-01",
            "E2,P1,None,reseller-standard,2026-01-01",
            "programme",
        ),
        (
            "deal_partners",
            "deal_partner_id,deal_id,partner_id,role",
            "X1,D1,P1,sourced",
            "X2,D1,unassigned,sourced",
            "partner_id",
        ),
    ],
)
def test_nobody_is_enrolled_in_or_shares_as_what_the_reports_call_none(
    settings: Settings, drop: Drop, name: str, columns: str, fine: str, reserved: str, field: str
) -> None:
    drop(f"{columns}\n{fine}\n{reserved}\n", object_name=name)
    assert counts(ingest("files", name, settings)) == (2, 1, 1, 0)
    (quarantine,) = settings.landing_dir.glob(f"files/{name}/*/quarantine.parquet")
    assert duckdb.sql(f"SELECT row, field FROM '{quarantine}'").fetchall() == [(2, field)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("payment_id,invoice_id,currency\np1,i1,USD\n", "required columns amount, paid_at missing"),
        ((HEADER + ROW).replace(",", ";"), "separated by semicolons"),
        ((HEADER + ROW).replace(",", "\t"), "separated by tabs"),
        ((HEADER + ROW).replace(",", "|"), "separated by bars"),
        ("sep=;\r\n" + (HEADER + ROW).replace(",", ";"), "sep="),
        ("sep=,\r\n" + HEADER + ROW, "sep="),
        (HEADER.upper() + ROW, "required columns payment_id, invoice_id, amount, currency, paid_at missing"),
        ((HEADER + ROW).replace(",", "','").replace("payment_id", "'payment_id"), "missing"),
        ((HEADER + ROW).encode("utf-16-le"), "line 1: a NUL character"),
        ((HEADER + ROW).replace("\n", "\r"), "line 1: a carriage return (CR) that ends no line; end lines with LF"),
        (HEADER + ROW.replace("USD", "U\rD"), "line 2: a carriage return (CR) that ends no line"),
        ("", "the file is empty"),
        (HEADER.replace("currency", "amount") + ROW, "'amount' twice"),
        ((HEADER + ROW.replace("p1", "é")).encode("cp1252"), "line 2: not UTF-8"),
        ((HEADER + ROW).encode("utf-16"), "UTF-16"),
        ((HEADER + "p\0").encode(), "line 2: a NUL character"),
        (HEADER + 'p1,"i1,100,USD,2026-01-01T00:00:00Z\n' + ROW, "line 2"),
        (HEADER + 'p1,"i1"x,100,USD,2026-01-01T00:00:00Z\n', "line 2"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_and_the_others_are_not(
    settings: Settings, drop: Drop, payments: Rows, content: str | bytes, message: str
) -> None:
    drop(content, "bad.csv")
    drop(HEADER + ROW, "good.csv")
    for _ in range(2):
        with pytest.raises(BadInputError, match=r"payments/bad\.csv") as refused:
            ingest("files", "payments", settings)
        assert message in str(refused.value)
        assert [row["payment_id"] for row in payments()] == ["p1"]
    drop(HEADER + ROW.replace("p1", "p2"), "bad.csv")
    assert ingest("files", "payments", settings).landed == 1


def test_the_line_of_a_bad_row_is_the_one_where_it_starts(settings: Settings, drop: Drop, payments: Rows) -> None:
    bad = "p{0},i1,x,USD,2026-01-01T00:00:00Z\n"
    fine = ROW.replace("i1", '"i\n1\r\n"')
    lines = HEADER + bad.format(2) + fine + bad.format(6) + "\n,,,,\n" + bad.format(9) + ROW + bad.format(11)
    drop(lines)
    assert counts(ingest("files", "payments", settings)) == (6, 2, 4, 0)
    # The warehouse adds the header's line.
    assert [(f"p{row['row'] + 1}", row["field"]) for row in payments("quarantine")] == [
        (row["record_key"], "amount") for row in payments("quarantine")
    ]


def test_the_line_of_a_bad_record_of_json_lines(settings: Settings, drop: Drop, payments: Rows) -> None:
    fine = '{"payment_id": "p1", "invoice_id": "i1", "amount": 1, "currency": "USD", "paid_at": "2026-01-01T00:00:00Z"}'
    drop(f"not json\n\n\r\n{fine}\n\nno json\n", "a.jsonl")
    assert counts(ingest("files", "payments", settings)) == (3, 1, 2, 0)
    assert [(row["row"], row["raw"]) for row in payments("quarantine")] == [(1, "not json"), (6, "no json")]


@pytest.mark.parametrize("control", ["\0", "\x01", "\x02", "\x1f", "\r", "\x0b", "\x08", "\x1c\x01"], ids=ascii)
def test_a_raw_control_character_sets_its_line_aside_and_no_other(
    settings: Settings, drop: Drop, payments: Rows, control: str
) -> None:
    line = '{"payment_id":"%s","invoice_id":"i1","amount":1,"currency":"USD","paid_at":"2026-01-01T00:00:00Z"}\n'
    in_a_value, between, bare = line % f"b{control}", line.replace(":1,", f":1,{control}") % "c", f"x{control}y\n"
    drop(line % "a" + in_a_value + between + bare + "\n" + line.replace(",", ",\t") % "d", "a.jsonl")
    assert counts(ingest("files", "payments", settings)) == (5, 2, 3, 0)
    assert [row["payment_id"] for row in payments()] == ["a", "d"]
    aside = payments("quarantine")
    assert [(row["file"], row["row"], row["field"]) for row in aside] == [
        ("payments/a.jsonl", n, None) for n in (2, 3, 4)
    ]
    assert {row["reason"] for row in aside} == {
        "not valid JSON: a raw control character; write it in escaped form, as \\u0001, or leave it out"
    }
    assert [json.loads(row["raw"]) for row in aside] == [part.rstrip("\n") for part in (in_a_value, between, bare)]


@pytest.mark.parametrize("content", ["", "\n\r\n", "\ufeff"])
def test_json_lines_without_a_record_are_refused_as_empty(settings: Settings, drop: Drop, content: str) -> None:
    drop(content, "a.jsonl")
    with pytest.raises(BadInputError, match=r"payments/a\.jsonl: the file is empty"):
        ingest("files", "payments", settings)


def test_a_header_alone_is_no_load_and_no_error(settings: Settings, drop: Drop) -> None:
    drop(HEADER)
    assert not ingest("files", "payments", settings).is_new


def test_a_delimiter_at_the_end(settings: Settings, drop: Drop, payments: Rows) -> None:
    drop((HEADER + ROW).replace("\n", ",\n"), "everywhere.csv")
    assert counts(ingest("files", "payments", settings)) == (1, 1, 0, 0)
    drop(HEADER + ROW.replace("\n", ",\n"), "in the rows.csv")
    assert counts(ingest("files", "payments", settings)) == (1, 0, 1, 0)
    assert payments("quarantine")[0]["reason"] == "the row has 6 values, the header 5 columns"


@pytest.mark.parametrize("amount", ['"1,5"', '"1,234.50"', '"1.234,50"', "1 234.50", "1'234.50"])
def test_an_amount_of_another_notation_is_set_aside(
    settings: Settings, drop: Drop, payments: Rows, amount: str
) -> None:
    drop(HEADER + ROW.replace("100.50", amount))
    assert counts(ingest("files", "payments", settings)) == (1, 0, 1, 0)
    assert "write 1234.50" in payments("quarantine")[0]["reason"]


def test_thousands_among_decimal_commas_are_refused_and_not_taken_for_fractions(
    settings: Settings, drop: Drop, payments: Rows
) -> None:
    rows = [
        ROW.replace("p1", f"p{place}").replace("100.50", amount) for place, amount in enumerate(("1.500", '"1.234,50"'))
    ]
    for order in (rows, rows[::-1]):
        drop(HEADER + "".join(order))
        with pytest.raises(BadInputError, match=r"payments/a\.csv, row [12]: amount may be in thousands"):
            ingest("files", "payments", settings)
    # Three decimals alone are three decimals, and a comma alone is one row set aside.
    drop(HEADER + rows[0] + rows[1].replace("1.234,50", "1234.50"))
    assert counts(ingest("files", "payments", settings)) == (2, 2, 0, 0)
    drop(HEADER + rows[0].replace("1.500", "1.50") + rows[1])
    assert counts(ingest("files", "payments", settings)) == (2, 1, 1, 0)


def test_mixed_line_ends(settings: Settings, drop: Drop) -> None:
    drop(HEADER + ROW.replace("\n", "\r\n") + ROW.replace("p1", "p2") + ROW.replace("p1", "p3").rstrip("\n"))
    assert ingest("files", "payments", settings).landed == 3


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(
    settings: Settings, drop: Drop, payments: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(HEADER + ROW)
    real = csv_records.spool_csv

    def written_meanwhile(*arguments: Any) -> Any:
        spooled = real(*arguments)
        with path.open("a") as handle:
            handle.write(ROW.replace("p1", "p2"))
        return spooled

    with monkeypatch.context() as patched:
        patched.setattr("partner_warehouse.extract.files.spool_csv", written_meanwhile)
        outcome = ingest("files", "payments", settings)
    assert not outcome.is_new
    assert outcome.warnings == ("payments/a.csv: changed while it was read; the next run takes it",)
    assert ingest("files", "payments", settings).landed == 2
    assert [row["payment_id"] for row in payments()] == ["p1", "p2"]


def test_jsonl(settings: Settings, drop: Drop, payments: Rows) -> None:
    record = (
        '{"payment_id": "p1", "invoice_id": "i1", "amount": %s, "currency": "USD", "paid_at": "2026-01-01T00:00:00Z"}'
    )
    drop("\ufeff" + record % "1234567890123.456789" + "\r\n\r\nnot json\r\n" + record % '"5"' + "\r\n", "a.jsonl")
    assert counts(ingest("files", "payments", settings)) == (3, 2, 1, 0)
    assert [row["amount"] for row in payments(columns="amount")] == [Decimal("1234567890123.456789"), Decimal(5)]
    assert payments("quarantine")[0]["raw"] == "not json"
    drop('{"payment_id": "p1"}\n{"payment_id": "p2", "amount": 5}\n', "b.jsonl")
    with pytest.raises(
        BadInputError, match=r"payments/b\.jsonl: required columns invoice_id, currency, paid_at missing"
    ):
        ingest("files", "payments", settings)


def test_parquet(settings: Settings, drop: Drop, payments: Rows, tmp_path: Path) -> None:
    source = tmp_path / "source.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 'p1' AS payment_id, 'i1' AS invoice_id, 1234567890123.456789::DECIMAL(28, 6) AS amount, "
            "'USD' AS currency, TIMESTAMPTZ '2026-01-01 00:00:00+02' AS paid_at, 7 AS extra UNION ALL "
            f"SELECT 'p2', 'i1', 1, 'USD', NULL, 8 ORDER BY 1) TO '{source}' (FORMAT parquet)"
        )
    drop(source.read_bytes(), "a.parquet")
    outcome = ingest("files", "payments", settings)
    assert counts(outcome) == (2, 1, 1, 0)
    assert outcome.undeclared == {"extra": 2}
    assert payments(columns="amount, paid_at::VARCHAR AS at") == [
        {"amount": Decimal("1234567890123.456789"), "at": "2025-12-31 22:00:00+00"}
    ]
    drop(b"PAR1 no more", "b.parquet")
    with pytest.raises(BadInputError, match="not a Parquet file"):
        ingest("files", "payments", settings)


@pytest.mark.parametrize(("other", "name"), [("march1", "march[1]"), ("starred", "st*r"), ("why", "wh?")])
def test_a_parquet_file_s_name_is_no_pattern(
    drop: Drop, payments: Rows, settings: Settings, other: str, name: str
) -> None:
    """Browsers name a second copy `march[1].parquet`, which would read `march1.parquet` once more."""
    for key, stem in (("theirs", other), ("its own", name)):
        path = drop(b"", f"{stem}.parquet")
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT '{key}' AS payment_id, 'i1' AS invoice_id, '1' AS amount, 'USD' AS currency, "
                f"'2026-01-01T00:00:00Z' AS paid_at) TO '{path.with_name('x')}' (FORMAT parquet)"
            )
        path.with_name("x").replace(path)
    ingest("files", "payments", settings)
    assert sorted((row["payment_id"], row["_file"]) for row in payments()) == [
        ("its own", f"payments/{name}.parquet"),
        ("theirs", f"payments/{other}.parquet"),
    ]


@pytest.mark.parametrize(
    ("kind", "amount", "lands"),
    [
        (pa.decimal128(38, 18), "1234.56", "1234.56"),
        (pa.decimal256(50, 18), "1234.56", None),
        (pa.decimal256(39, 2), "1234.56", None),
        (pa.float16(), 1.1, None),
        (pa.float32(), 1234567.89, None),
        (pa.float64(), 1234567.89, "1234567.89"),
    ],
    ids=str,
)
def test_an_amount_in_parquet_is_taken_as_it_is_or_its_file_is_refused(
    drop: Drop, payments: Rows, settings: Settings, kind: pa.DataType, amount: str | float, lands: str | None
) -> None:
    """DuckDB reads a decimal of more than 38 digits as another number, and a short float never held the amount."""
    value = Decimal(amount) if isinstance(amount, str) else np.float16(amount) if kind == pa.float16() else amount
    texts = {"payment_id": "p1", "invoice_id": "i1", "currency": "USD", "paid_at": "2026-01-01T00:00:00Z"}
    columns = {name: pa.array([text]) for name, text in texts.items()} | {"amount": pa.array([value], kind)}
    pq.write_table(pa.table(columns), drop(b"", "a.parquet"))
    if lands is None:
        with pytest.raises(BadInputError, match=r"payments/a\.parquet: column amount .* write it as decimal\(38, 18\)"):
            ingest("files", "payments", settings)
        assert not payments()
    else:
        ingest("files", "payments", settings)
        assert [row["amount"] for row in payments()] == [Decimal(lands)]


@pytest.mark.parametrize(
    ("kind", "ids", "lands"),
    [
        (pa.float64(), [88001.0, 2.0**53 - 1, None], ["88001", "9007199254740991", None]),
        (pa.float64(), [-0.0, 7.0, float("nan")], ["0", "7", None]),
        (pa.float64(), [1.0, 88001.5], 2),
        (pa.float64(), [1.0, 2.0, 2.0**53], 3),
        (pa.float64(), [float("inf")], 1),
        (pa.float32(), [88001.0], ["88001"]),
        (pa.float32(), [2.0**24], 1),
        (pa.float16(), [np.float16(2047)], ["2047"]),
        (pa.float16(), [np.float16(2048)], 1),
        (pa.decimal128(38, 2), [Decimal("123456789012345678901.00")], ["123456789012345678901"]),
        (pa.decimal128(38, 2), [Decimal("1.00"), Decimal("1.50")], 2),
        (pa.int64(), [88001, 2**62], ["88001", str(2**62)]),
        (pa.string(), ["88001.0", "007"], ["88001.0", "007"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("column", ["invoice_id", "payment_id"])
def test_an_id_in_parquet_is_a_whole_number_or_its_file_is_refused(
    drop: Drop,
    payments: Rows,
    settings: Settings,
    kind: pa.DataType,
    ids: list[Any],
    lands: list[str] | int,
    column: str,
) -> None:
    """Of integers with gaps, tables make floats: `88001.0` would be another id than `88001`."""
    texts = {"payment_id": "p", "invoice_id": "i1", "currency": "USD", "paid_at": "2026-01-01T00:00:00Z", "amount": "1"}
    columns = {
        name: pa.array([text if name != "payment_id" else f"p{n}" for n in range(len(ids))])
        for name, text in texts.items()
    }
    pq.write_table(pa.table(columns | {column: pa.array(ids, kind)}), drop(b"", "a.parquet"))
    if isinstance(lands, int):
        with pytest.raises(BadInputError, match=rf"payments/a\.parquet, row {lands}: {column} is no whole number"):
            ingest("files", "payments", settings)
        assert not payments()
        return
    outcome = ingest("files", "payments", settings)
    # Both are required: a row without one is set aside.
    assert [row[column] for row in payments()] == [value for value in lands if value is not None]
    assert outcome.quarantined == lands.count(None)
    assert {row["reason"] for row in payments("quarantine")} <= {"required value is missing"}


@pytest.mark.parametrize(
    ("written", "lands"),
    [
        ("88001.0", "88001"),
        ("88001.00", "88001"),
        ("8.8001e4", "88001"),
        ("8.8001E+4", "88001"),
        ("-0.0", "0"),
        ("9007199254740991.0", "9007199254740991"),
        ("88001", "88001"),
        ("123456789012345678901", "123456789012345678901"),
        ('"88001.0"', "88001.0"),
        ('"1e5"', "1e5"),
        ('"007"', "007"),
        ('"2e4f1a.0"', "2e4f1a.0"),
        ("88001.5", None),
        ("9007199254740993.0", None),
        ("12345678901234567890.0", None),
        ("1e400", None),
    ],
)
@pytest.mark.parametrize("column", ["invoice_id", "payment_id"])
def test_an_id_in_json_lines_is_a_whole_number_or_its_row_is_set_aside(
    drop: Drop, payments: Rows, settings: Settings, written: str, lands: str | None, column: str
) -> None:
    """Programs that hold ids as floats write 88001.0, where other files have 88001."""
    record = {"payment_id": '"p"', "invoice_id": '"i"', "amount": "1.0", "currency": '"USD"'}
    record |= {"paid_at": '"2026-01-01T00:00:00Z"', column: written}
    line = ", ".join(f'"{name}": {value}' for name, value in record.items())
    fine = line.replace(f'"{column}": {written}', f'"{column}": "x"')
    drop(f"{{{fine}}}\n{{{line}}}\n", "a.jsonl")
    outcome = ingest("files", "payments", settings)
    assert [row[column] for row in payments()] == ["x", *([lands] if lands else [])]
    assert outcome.quarantined == (lands is None)
    for row in payments("quarantine"):
        assert (row["row"], row["field"]) == (2, column)
        assert row["reason"] == "no whole number, or too large for one with a point: write ids as text or as integers"


def test_a_file_that_cannot_be_named_or_read_keeps_no_other_from_landing(
    drop: Drop, payments: Rows, settings: Settings
) -> None:
    folder = drop(HEADER + ROW, "z.csv").parent
    (folder / os.fsdecode(b"m\xe4rz.csv")).write_text(HEADER + ROW.replace("p1", "p2"))
    with pytest.raises(BadInputError, match="its name is not UTF-8; rename the file"):
        ingest("files", "payments", settings)
    assert [row["payment_id"] for row in payments()] == ["p1"]
    # What the kernel itself cannot read: its own memory at address 0.
    (folder / "a.csv").symlink_to("/proc/self/mem")
    drop(HEADER + ROW.replace("p1", "p3"), "zz.csv")
    with pytest.raises(PartnerWarehouseError, match=r"payments/a\.csv: cannot be read"):
        ingest("files", "payments", settings)
    assert [row["payment_id"] for row in payments()] == ["p1", "p3"]


def test_stray_files_are_reported(settings: Settings, drop: Drop) -> None:
    drop(HEADER + ROW)
    drop("x", "a.csv", "payment")
    drop("x", "book.xlsx")
    drop("x", ".hidden.csv")
    drop("x", "readme.md")
    (settings.inbox_dir / "loose.csv").write_text("x")
    with pytest.raises(BadInputError) as refused:
        ingest_source("files", settings, workers=2)
    message = str(refused.value)
    for expected in ("'payment' is no object", "payments/book.xlsx", "'loose.csv' lies in no folder"):
        assert expected in message
    assert "hidden" not in message
    assert "readme" not in message
    assert len(list(manifests(settings.landing_dir, "files", "payments"))) == 1


def test_what_is_no_file_in_the_place_of_one_is_reported(
    settings: Settings, drop: Drop, payments: Rows, tmp_path: Path
) -> None:
    folder = drop(HEADER + ROW).parent
    (folder / "month.parquet").mkdir()
    (folder / "gone.csv").symlink_to(tmp_path / "nothing")
    (folder / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "archive").mkdir()
    (settings.inbox_dir / "loose.csv").symlink_to(tmp_path / "nothing")
    with pytest.raises(BadInputError) as refused:
        ingest_source("files", settings)
    message = str(refused.value)
    for expected in (
        "payments/month.parquet: a folder; put the file itself",
        "payments/gone.csv: a link to nothing",
        "payments/loop.csv: a link to nothing",
        "payments/pipe.jsonl: a pipe",
        "'loose.csv' lies in no folder",
    ):
        assert expected in message
    assert "archive" not in message
    assert [row["payment_id"] for row in payments()] == ["p1"]


@pytest.mark.parametrize("files", [1, 2])
def test_a_record_with_a_name_twice_is_set_aside(settings: Settings, drop: Drop, payments: Rows, files: int) -> None:
    """As a CSV file with a column twice is refused: the values may differ, and one of them would count in silence."""
    line = '{"payment_id":"%s","invoice_id":"i1","amount":1,"currency":"USD","paid_at":"2026-01-01T00:00:00Z"%s}\n'
    drop(
        line % ("a", "") + line % ("b", ',"amount":2') + line % ("c", ',"note":{"x":1},"note":1') + "no json\n",
        "a.jsonl",
    )
    if files == 2:
        drop(line % ("d", ""), "b.jsonl")
    outcome = ingest("files", "payments", settings)
    assert counts(outcome) == (files + 3, files, 3, 0)
    assert len(outcome.load_ids) == 1
    assert [row["payment_id"] for row in payments()] == ["a", "d"][:files]
    aside = payments("quarantine")
    assert [(row["file"], row["row"], row["record_key"], row["field"]) for row in aside] == [
        ("payments/a.jsonl", 2, "b", None),
        ("payments/a.jsonl", 3, "c", None),
        ("payments/a.jsonl", 4, None, None),
    ]
    assert [row["reason"].split(",")[0] for row in aside] == ["the record has a name twice"] * 2 + ["not valid JSON"]
    assert outcome.undeclared == {"note": 1}


@pytest.mark.parametrize("written", ['{"a": 1}', "[1]", "[]", '["p"]'])
@pytest.mark.parametrize("column", ["invoice_id", "payment_id"])
def test_an_object_or_a_list_is_no_id(
    settings: Settings, drop: Drop, payments: Rows, written: str, column: str
) -> None:
    record = {"payment_id": '"p"', "invoice_id": '"i"', "amount": "1", "currency": '"USD"'}
    record |= {"paid_at": '"2026-01-01T00:00:00Z"'}
    line = ", ".join(f'"{name}": {value}' for name, value in (record | {column: written}).items())
    as_text = ", ".join(f'"{name}": {value}' for name, value in (record | {column: json.dumps(written)}).items())
    drop(f"{{{line}}}\n{{{as_text}}}\n", "a.jsonl")
    assert counts(ingest("files", "payments", settings)) == (2, 1, 1, 0)
    assert [row[column] for row in payments()] == [written]
    (row,) = payments("quarantine")
    assert (row["row"], row["field"]) == (1, column)
    assert row["reason"] == "an object or a list where an id is expected: write ids as text or as integers"


def test_unknown_names_are_bad_input(settings: Settings) -> None:
    with pytest.raises(BadInputError, match="no object 'payment'"):
        ingest("files", "payment", settings)
    with pytest.raises(BadInputError, match="no source 'file'"):
        ingest("file", "payments", settings)


def test_without_an_inbox_there_is_nothing_new(settings: Settings) -> None:
    assert not any(outcome.is_new for outcome in ingest_source("files", settings))


def test_outcomes_are_json(settings: Settings, drop: Drop) -> None:
    import json

    drop(HEADER + ROW)
    document = ingest("files", "payments", settings).to_dict()
    assert json.loads(json.dumps(document)) == document
