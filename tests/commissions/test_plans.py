"""What is wrong with a plan is said before anything is computed: file, row, field, and what was expected."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from partner_warehouse.errors import BadInputError
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.landing.manifest import Manifest
from partner_warehouse.landing.typing import INTEGER_DIGITS
from partner_warehouse.plans.validation import validate
from partner_warehouse.settings import SEEDS, Settings, load_settings
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
        (
            "commission_rates",
            2,
            {"plan_id": "nobody"},
            "row 2, field plan_id: plan nobody version 1 is not in commission_plans.csv; correct the row, or add",
        ),
        ("commission_rates", 2, {"component": "share"}, "row 2, field component: 'share' is not one of percentage"),
        (
            "commission_plans",
            2,
            {"currency": "USX"},
            "commission_plans.csv, row 2, field currency: unknown currency 'USX'",
        ),
        ("commission_plans", 2, {"programme": " "}, "row 2, field programme: is empty; name the partner programme"),
        ("commission_plans", 2, {"programme": "none"}, "row 2, field programme: 'none' is what the reports call"),
        ("commission_plans", 2, {"programme": "None"}, "row 2, field programme: 'None' is what the reports call"),
        ("commission_rates", 2, {"tier": "none"}, "row 2, field tier: 'none' is what the reports call"),
        (
            "commission_plans",
            2,
            {"cap_per_period": "100.005"},
            "row 2, field cap_per_period: '100.005' is not a number",
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
            "row 3, field version: plan reseller-standard version 1 is in row 2 already; keep one, or give",
        ),
        ("commission_plans", 7, {"model": "hybrid"}, "row 7, field model: a hybrid plan needs fixed_fee rows"),
        (
            "commission_plans",
            9,
            {"model": "fixed_fee"},
            "row 21, field component: a fixed_fee plan pays nothing by a percentage row; make the plan hybrid",
        ),
        (
            "commission_plans",
            9,
            {"model": "percentage"},
            "commission_rates.csv, row 25, field component: a percentage plan pays nothing by a volume row",
        ),
        (
            "commission_bonuses",
            2,
            {"plan_id": "deal-fixed-fee"},
            "row 2, field plan_id: plan deal-fixed-fee is fixed_fee and has no revenue that a bonus could reward; make",
        ),
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


@pytest.mark.parametrize(
    ("name", "row", "values", "expected"),
    [
        ("commission_rates", 15, {"fee": "10000000000000"}, "row 15, field fee: '10000000000000' is not a number from"),
        (
            "commission_rates",
            17,
            {"fee": "9000000000000"},
            "row 17, field fee: 9000000000000 times the volume rate in row 20 is above 9999999999999.999",
        ),
        ("commission_bonuses", 2, {"value": "10000000000"}, "row 2, field value: '10000000000' is not a number from 0"),
    ],
)
def test_an_amount_that_no_model_holds_is_told(
    plans: Path, name: str, row: int, values: dict[str, str], expected: str
) -> None:
    edit(plans, name, row, **values)
    assert expected in complaints(plans)


def test_a_bonus_of_fees_alone_may_reward_what_another_version_earned(plans: Path) -> None:
    """Orders of the version before bring revenue in the months of the next one, whose terms a bonus has."""
    edit(plans, "commission_plans", 2, effective_to="2026-03-16")
    header, *rows = (plans / "commission_plans.csv").read_text(encoding="utf-8").splitlines()
    fees = next(row for row in rows if row.startswith("deal-fixed-fee,"))
    fees = fees.replace("deal-fixed-fee,1,2020-01-01", "reseller-standard,2,2026-03-16")
    (plans / "commission_plans.csv").write_text("\n".join([header, *rows, fees, ""]), encoding="utf-8")
    for name, row in (
        ("commission_rates", "reseller-standard,2,fixed_fee,0,,,100,"),
        ("commission_bonuses", "reseller-standard,2,monthly_revenue,25000,flat,500"),
    ):
        path = plans / f"{name}.csv"
        path.write_text(f"{path.read_text(encoding='utf-8')}{row}\n", encoding="utf-8")
    validate(load_settings(plans=plans))


def test_the_same_exclusion_twice_is_told(plans: Path) -> None:
    path = plans / "commission_exclusions.csv"
    path.write_text(path.read_text(encoding="utf-8") + "reseller-standard,1,setup\n" * 2, encoding="utf-8")
    assert "field product_id: the same exclusion is in row 2; keep one" in complaints(plans)


def test_bands_may_begin_above_zero_and_end(plans: Path) -> None:
    edit(plans, "commission_rates", 2, from_value="1000")
    edit(plans, "commission_rates", 4, to_value="1000000")
    edit(plans, "commission_rates", 15, from_value="1000")
    edit(plans, "commission_rates", 17, to_value="1000000")
    edit(plans, "commission_rates", 20, to_value="100")
    validate(load_settings(plans=plans))


def test_a_row_is_told_by_the_line_that_it_begins_in(plans: Path) -> None:
    """A line break within quotes moves the rows after it, and not the row that it is in."""
    edit(plans, "commission_plans", 2, programme="resellers,\nwhoever", currency="USX")
    edit(plans, "commission_plans", 3, timezone="Mars")
    message = complaints(plans)
    assert "commission_plans.csv, row 2, field currency" in message
    assert "commission_plans.csv, row 4, field timezone" in message
    path = plans / "commission_plans.csv"
    path.write_text(f"{path.read_text(encoding='utf-8')}\nshort,row\n", encoding="utf-8")
    lines = path.read_text(encoding="utf-8").split("\n")
    assert f"commission_plans.csv, row {lines.index('short,row') + 1}, field" in complaints(plans)


def test_a_file_that_is_separated_by_semicolons_is_told_once(plans: Path) -> None:
    path = plans / "commission_rates.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    message = complaints(plans)
    assert "commission_rates.csv, row 1: values are separated by semicolons, not commas; save the file as" in message
    assert len(message.splitlines()) == 2


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


def test_a_file_that_cannot_be_read_is_told(plans: Path) -> None:
    (plans / "commission_rates.csv").unlink()
    (plans / "commission_rates.csv").mkdir()
    assert "commission_rates.csv: cannot be read (Is a directory)" in complaints(plans)


def test_a_directory_that_may_not_be_searched_is_told(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat, opened = Path.stat, Path.open

    def refuse(real: Callable[..., object]) -> Callable[..., object]:
        def call(path: Path, *given: object, **others: object) -> object:
            if path.parent == plans:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *given, **others)

        return call

    monkeypatch.setattr(Path, "stat", refuse(stat))
    monkeypatch.setattr(Path, "open", refuse(opened))
    message = complaints(plans)
    assert str(plans) in message.splitlines()[0]
    for name in FILES:
        assert f"{name}.csv: cannot be read (Permission denied); it must be a readable file" in message


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
        'enrolment_id,partner_id,programme,plan_id,starts_on\n\nE1,"P\n1",reseller,reseller-standard,2026-01-01\n'
        "E2,P1,reseller,no-such-plan,2026-01-01\n",
        encoding="utf-8",
    )
    (inbox / "f.csv").write_text(
        "enrolment_id,partner_id,programme,plan_id,starts_on\nE3,P1,reseller,neither,2026-01-01\n", encoding="utf-8"
    )
    ingest("files", "enrolments", settings)
    with pytest.raises(BadInputError, match=r"field plan_id: enrolment E2 has plan 'no-such-plan'") as caught:
        prepare(settings)
    assert "enrolments/e.csv, row 5, field plan_id: enrolment E2" in str(caught.value)
    assert "enrolments/f.csv, row 2, field plan_id: enrolment E3" in str(caught.value)


def test_a_load_is_looked_at_once_however_many_of_its_enrolments_have_no_plan(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = settings.inbox_dir / "enrolments"
    inbox.mkdir(parents=True)
    header = "enrolment_id,partner_id,programme,plan_id,starts_on\n"
    row = 'E{0},"P\n1",reseller,no-such-plan,2026-01-01\n'
    (inbox / "e.csv").write_text(header + "".join(row.format(n) for n in range(300)), encoding="utf-8")
    ingest("files", "enrolments", settings)
    reads: list[Path] = []
    read = Manifest.read
    monkeypatch.setattr(Manifest, "read", lambda path: reads.append(path) or read(path))
    with pytest.raises(BadInputError) as caught:
        validate(settings)
    assert len(reads) == 1
    _, each = str(caught.value).split("\n", maxsplit=1)
    assert re.findall(r"e\.csv, row (\d+), field plan_id: enrolment E(\d+) has", each) == [
        (str(2 + 2 * n), str(n)) for n in range(300)
    ]


def test_the_largest_fee_is_the_largest_amount_that_lands(plans: Path) -> None:
    """A hundred of them still are money, of 15 digits before the point."""
    most = 10**INTEGER_DIGITS - Decimal("0.001")
    assert most * 100 < 10**15
    fees = [number for number, one in enumerate(seeds()["commission_rates"], 2) if one["component"] == "fixed_fee"]
    edit(plans, "commission_rates", fees[0], fee=str(most))
    edit(plans, "commission_rates", fees[1], fee=str(most + Decimal("0.001")))
    told = complaints(plans)
    assert f"row {fees[0]}, field fee: '" not in told
    assert f"row {fees[1]}, field fee: '{10**INTEGER_DIGITS}.000'" in told


def seeds() -> dict[str, list[dict[str, str]]]:
    """The rows of the shipped plan files."""
    return {name: list(csv.DictReader((SEEDS / f"{name}.csv").open(encoding="utf-8", newline=""))) for name in FILES}


def test_the_shipped_plans_are_the_programmes_with_their_figures() -> None:
    """Silver, Gold and Platinum by revenue, a referral's share and terms, revenue shares, fees by size and count."""
    files = seeds()
    plans = {row["plan_id"]: row for row in files["commission_plans"]}
    by_programme: dict[str, set[str]] = {}
    for row in plans.values():
        by_programme.setdefault(row["programme"], set()).add(row["model"])
    assert {"reseller", "referral", "co_marketing", "technology", "integration"} <= {
        name.replace("-", "_") for name in by_programme
    }
    assert {row["model"] for row in plans.values()} == {"percentage", "fixed_fee", "hybrid"}
    reseller = [row for row in files["commission_rates"] if row["tier"] in {"Silver", "Gold", "Platinum"}]
    bands = {
        row["tier"]: tuple(float(row[name] or "inf") for name in ("from_value", "to_value", "rate")) for row in reseller
    }
    assert bands == {
        "Silver": (0, 50_000, 0.20),
        "Gold": (50_000, 200_000, 0.25),
        "Platinum": (200_000, float("inf"), 0.30),
    }
    for plan in plans.values():
        rates = [
            float(row["rate"])
            for row in files["commission_rates"]
            if row["plan_id"] == plan["plan_id"] and row["component"] == "percentage"
        ]
        if plan["programme"] == "referral":
            assert (plan["payment_terms_days"], plan["earn_window"]) == ("30", "first_year")
            assert all(0.10 <= rate <= 0.20 for rate in rates)
    fees = [row for row in files["commission_rates"] if row["component"] == "fixed_fee"]
    assert len(fees) > 1
    assert any(row["component"] == "volume" for row in files["commission_rates"])
    assert files["commission_bonuses"]


ODD = (
    *("", " ", "0", "1", "-1", "1.01", "0.1", "NaN", "inf", "1e400", "1e2", "1,000", "1.000,5", "1_000", "\u00bd"),
    *("\uff11", "\u0663", "0x10", "1e-9", "99999999999999999999", "01", "2", "-0", "+1", "\u00a0", "usd", "USD "),
    *(
        "\tUSD",
        "UTC\u00a0",
        "localtime",
        "America",
        "2026-02-30",
        "20260101",
        "2026-W01-1",
        "10000-01-01",
        "0000-01-01",
    ),
    *("month", "months:0", "months:12", "months:99999", "first_year ", "marginal", "rate", "flat", "'", '"', '""'),
    *("a,b", "a\nb", "a\r\nb", "#", "null", "NULL", "None", "true", "version", "reseller-standard", "\x00"),
)


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, bytes]:
    """The shipped files with a few fields, rows, columns or bytes of them spoilt."""
    files = seeds()
    files["commission_exclusions"].append({"plan_id": "reseller-standard", "version": "1", "product_id": "setup"})
    name = draw(st.sampled_from(FILES))
    columns, rows = list(files[name][0]), files[name]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.sampled_from(rows))
        row[draw(st.sampled_from(columns))] = draw(st.one_of(st.sampled_from(ODD), st.text(max_size=6)))
    change = draw(
        st.sampled_from(["", "", "", "twice", "gone", "more", "less", "extra", "column", "double", "empty", "quote"])
    )
    if change == "twice":
        rows.append(dict(draw(st.sampled_from(rows))))
    elif change == "gone":
        rows.remove(draw(st.sampled_from(rows)))
    elif change == "column":
        columns.remove(draw(st.sampled_from(columns)))
    elif change == "double":
        columns.append(draw(st.sampled_from(columns)).upper())
    elif change == "extra":
        columns.append("remark")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(column.lower(), "") for column in columns]
        writer.writerow(cells + [""] * (change == "more") if change != "less" else cells[:-1])
    body = {"empty": "", "quote": text.getvalue() + '"'}.get(change, text.getvalue())
    bom = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    tail = draw(st.sampled_from([b"", b"", b"\n", b"\r\n", b"\xff"]))
    return {name: bom + body.encode("utf-8", "surrogatepass") + tail}


TYPED = {
    "commission_plans": (
        "cast(trim(version) as integer), cast(trim(effective_from) as date), "
        "cast(nullif(trim(effective_to), '') as date) - interval 1 day, "
        "date '2026-01-31' + to_days(coalesce(cast(nullif(trim(payment_terms_days), '') as integer), 0)), "
        "cast(nullif(trim(min_payout), '') as decimal(18, 3)), "
        "cast(nullif(trim(cap_per_period), '') as decimal(18, 3)), "
        "date '2026-01-31' + to_months(coalesce(cast(nullif(trim(clawback_months), '') as integer), 0)), "
        "timezone(trim(timezone), timestamptz '2026-01-01 00:00:00+00')"
    ),
    "commission_rates": (
        "cast(trim(version) as integer), cast(nullif(trim(from_value), '') as decimal(18, 3)), "
        "cast(nullif(trim(to_value), '') as decimal(18, 3)), cast(nullif(trim(rate), '') as decimal(18, 8)), "
        "cast(nullif(trim(fee), '') as decimal(18, 3))"
    ),
    "commission_bonuses": (
        "cast(trim(version) as integer), cast(trim(threshold) as decimal(18, 3)), cast(trim(value) as decimal(18, 8))"
    ),
    "commission_exclusions": "cast(trim(version) as integer), trim(product_id)",
}
"""What the models make of the text of each file."""


@hypothesis_settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=spoilt())
def test_what_is_spoilt_is_told_with_its_place_or_can_be_built(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("spoilt")
    for name in FILES:
        content = files.get(name, (SEEDS / f"{name}.csv").read_bytes())
        (directory / f"{name}.csv").write_bytes(content)
    try:
        validate(load_settings(plans=directory))
    except BadInputError as error:
        for message in str(error).splitlines()[1:]:
            # Of a whole file or its header there is no field.
            assert re.match(r"  commission_[a-z]+\.csv(, row \d+(, field [^:]+)?)?: .{5,}", message, re.DOTALL) or (
                not message.startswith("  commission")
            ), message
        return
    with duckdb.connect() as connection:
        for name, columns in TYPED.items():
            connection.execute(
                f"select {columns} from read_csv(?, header = true, all_varchar = true, delim = ',', quote = '\"', "
                "escape = '\"')",
                [str(directory / f"{name}.csv")],
            ).fetchall()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n",
        lambda text: text.replace("plan_id,", "remark,plan_id,", 1).replace("\nreseller", "\n,reseller"),
    ],
    ids=["byte order mark", "Windows line ends", "blank lines at the end", "an added column"],
)
def test_what_spreadsheets_write_is_taken(plans: Path, change: Callable[[str], str]) -> None:
    path = plans / "commission_bonuses.csv"
    text = path.read_text(encoding="utf-8")
    path.write_bytes(change(text).encode() if "remark" not in change(text) else _with_a_column(text).encode())
    validate(load_settings(plans=plans))


def _with_a_column(text: str) -> str:
    header, *rows = text.splitlines()
    return "\n".join([f"remark,{header}", *(f"checked,{row}" for row in rows), ""])


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda text: "", "commission_bonuses.csv, row 1: missing columns plan_id"),
        (lambda text: text.splitlines()[0] + ",VALUE\n", "row 1: column value is there twice; keep one"),
        (lambda text: text + "a,1,monthly_revenue,1,000,flat,5\n", "the row has 7 values and the header 6"),
        (lambda text: text + "a,1\n", "the row has 2 values and the header 6"),
        (lambda text: text + '"a,1\n', "not CSV (unexpected end of data)"),
        (
            lambda text: text.replace("\n", "\r\n", 2),
            "save it again with commas, double quotes, and one kind of line end",
        ),
    ],
    ids=["empty", "a column twice", "a thousands separator", "a short row", "an open quote", "mixed line ends"],
)
def test_a_file_that_is_no_table_is_told(plans: Path, spoil: Callable[[str], str], expected: str) -> None:
    path = plans / "commission_bonuses.csv"
    path.write_bytes(spoil(path.read_text(encoding="utf-8")).encode())
    assert expected in complaints(plans)
