"""Reads the commission plans and says what is wrong with them, before anything is computed.

Plans are four CSV files: the seeds, or the directory in `PARTNER_WAREHOUSE_PLANS`. All faults are collected, so that
one reading mends a file; each names file, row (the header is row 1), field and what was expected.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb

from partner_warehouse.errors import BadInputError
from partner_warehouse.landing.layout import data_files, object_dir
from partner_warehouse.landing.manifest import lines_of
from partner_warehouse.landing.typing import INTEGER_DIGITS
from partner_warehouse.settings import SEEDS, Settings, is_timezone, seed_rows, seed_values

FILES = ("commission_plans", "commission_rates", "commission_bonuses", "commission_exclusions")
"""The plan files, by name."""

PLAN_COLUMNS = (
    "plan_id",
    "version",
    "effective_from",
    "effective_to",
    "name",
    "programme",
    "model",
    "currency",
    "tier_basis",
    "tier_mode",
    "earn_window",
    "payment_terms_days",
    "min_payout",
    "cap_per_period",
    "clawback_months",
    "volume_period",
    "rounding",
    "timezone",
    "crediting_model",
)
RESERVED = ("none", "unassigned")
"""What the reports write where there is no programme or tier; nothing else is called so, in whichever letters."""
RATE_COLUMNS = ("plan_id", "version", "component", "from_value", "to_value", "rate", "fee", "tier")
BONUS_COLUMNS = ("plan_id", "version", "metric", "threshold", "kind", "value")
EXCLUSION_COLUMNS = ("plan_id", "version", "product_id")

MODELS = {"percentage": {"percentage"}, "fixed_fee": {"fixed_fee"}, "hybrid": {"percentage", "fixed_fee"}}
"""A plan's model, and the components that it must have rows of."""

TIER_BASES = ("month", "calendar_year", "trailing_12_months", "lifetime")
TIER_MODES = ("marginal", "whole", "status")
ROUNDINGS = ("half_up", "half_even")
VOLUME_PERIODS = ("month", "quarter", "year")
COMPONENTS = ("percentage", "fixed_fee", "volume")
METRICS = ("monthly_revenue", "quarterly_revenue", "new_customers")
BONUS_KINDS = ("flat", "rate")


@dataclass(frozen=True, slots=True)
class _Enrolments:
    """Where enrolments land, and the fields that name the plan, order the versions of a record and say it is gone."""

    source: str
    object_name: str
    key: str
    plan: str
    updated: str
    deleted: str


_ENROLMENTS = (
    _Enrolments("files", "enrolments", "enrolment_id", "plan_id", "updated_at", "is_deleted"),
    _Enrolments("salesforce", "Partner_Enrolment__c", "Id", "Plan_Id__c", "SystemModstamp", "IsDeleted"),
)


class _Reader(Protocol):
    """Of the standard library, which does not name its type."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


AS_TEXT = """read_csv(?, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')"""
"""SQL that reads a plan file as the models read it, every value as text; its path is to be bound."""

PlanKey = tuple[str, str]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a plan file.

    Attributes:
        number: The line of the file that it begins in; the header is 1.
    """

    file: str
    number: int
    values: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def plan(self) -> PlanKey:
        """The plan version that the row is of."""
        return self["plan_id"], self["version"]


@dataclass(slots=True)
class Findings:
    """What is wrong, in the order found."""

    messages: list[str] = field(default_factory=list)

    def add(self, row: Row, name: str, problem: str) -> None:
        """Note a fault of one field."""
        self.messages.append(f"{row.file}, row {row.number}, field {name}: {problem}")


def texts_in_force(settings: Settings) -> dict[str, str]:
    """The plan files in force, whole: their text by name. What is not there is not in it."""
    directory = settings.plans or SEEDS
    paths = [directory / f"{name}.csv" for name in FILES]
    return {path.name: path.read_text(encoding="utf-8") for path in paths if path.exists()}


def keep_copy(settings: Settings) -> str:
    """Keep what is in force beside the warehouse, under the SHA-256 of it; what is there is never written again.

    Returns:
        The SHA-256.
    """
    text = json.dumps(texts_in_force(settings), sort_keys=True)
    digest = digest_of_copy(text)
    target = copy_path(settings, digest)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(f".{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    return digest


def digest_of_copy(text: str) -> str:
    """The SHA-256 that a copy of the plan files is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()


def copy_path(settings: Settings, digest: str) -> Path:
    """Where the copy of the plan files with this SHA-256 is."""
    return settings.warehouse_path.parent / "plans" / f"{digest}.json"


def write_copy(text: str, directory: Path) -> None:
    """Lay a copy out as a directory of plan files.

    Args:
        text: What `keep_copy` kept.
        directory: Made here.
    """
    directory.mkdir(parents=True)
    for name, content in json.loads(text).items():
        (directory / name).write_text(content, encoding="utf-8")


def validate(settings: Settings) -> None:
    """Check the plans in force, and that every enrolment landed so far names one of them.

    Args:
        settings: The installation; `plans` is the directory, or None for the seeds.

    Raises:
        BadInputError: Something is wrong; the message has a line for each fault.
    """
    directory = settings.plans or SEEDS
    findings = Findings()
    plans = _read(directory, "commission_plans", PLAN_COLUMNS, findings)
    rates = _read(directory, "commission_rates", RATE_COLUMNS, findings)
    bonuses = _read(directory, "commission_bonuses", BONUS_COLUMNS, findings, optional=True)
    exclusions = _read(directory, "commission_exclusions", EXCLUSION_COLUMNS, findings, optional=True)
    if not findings.messages:
        _check_plans(plans, findings)
        _check_belong(plans, [*rates, *bonuses, *exclusions], findings)
        _check_rates(plans, rates, findings)
        _check_bonuses(plans, bonuses, findings)
        _check_exclusions(exclusions, findings)
        findings.messages += _enrolments_without_plan(settings, {row["plan_id"] for row in plans})
    if not findings.messages:
        for name, read in zip(FILES, (plans, rates, bonuses, exclusions), strict=True):
            _check_read_alike(directory / f"{name}.csv", read, findings)
    if findings.messages:
        count = len(findings.messages)
        first = findings.messages[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        listed = "\n".join(f"  {message}" for message in findings.messages)
        raise BadInputError(f"commission plans in {directory}: {first}{more}\n{listed}")


def _read(
    directory: Path, name: str, columns: Sequence[str], findings: Findings, *, optional: bool = False
) -> list[Row]:
    """The rows of one file, trimmed; none where an optional file is absent."""
    path = directory / f"{name}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _rows(path.name, csv.reader(file, strict=True), columns, findings)
    except UnicodeDecodeError as error:
        findings.messages.append(f"{path.name}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8")
    except FileNotFoundError:
        if not optional:
            findings.messages.append(f"{path.name}: the file is missing; its columns are {', '.join(columns)}")
    except OSError as error:
        findings.messages.append(
            f"{path.name}: cannot be read ({error.strerror}); it must be a readable file, and its directory searchable"
        )
    except csv.Error as error:
        findings.messages.append(f"{path.name}: not CSV ({error}); look for a quote that is not closed, or not doubled")
    return []


def _rows(file: str, reader: _Reader, columns: Sequence[str], findings: Findings) -> list[Row]:
    header = next(reader, [])
    missing = [column for column in columns if column not in header]
    if len(header) == 1 and ";" in header[0]:
        findings.messages.append(
            f"{file}, row 1: values are separated by semicolons, not commas; save the file as CSV with commas and a "
            "decimal point (Excel takes both from the list and decimal separators of the system's region)"
        )
        return []
    if missing:
        findings.messages.append(f"{file}, row 1: missing columns {', '.join(missing)}; the header names the columns")
        return []
    folded = [name.strip().casefold() for name in header]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        findings.messages.append(f"{file}, row 1: column {', '.join(twice)} is there twice; keep one")
        return []
    rows: list[Row] = []
    begins = reader.line_num + 1
    for cells in reader:
        # A row with a line break in a quoted value has several lines.
        number, begins = begins, reader.line_num + 1
        if not cells:
            continue
        if len(cells) != len(header):
            findings.messages.append(
                f"{file}, row {number}, field {header[min(len(cells), len(header) - 1)]}: the row has "
                f"{len(cells)} values and the header {len(header)}; put a comma for each empty value, and quotes "
                "around a value with a comma"
            )
            continue
        record = dict(zip(header, cells, strict=True))
        # Spaces alone are trimmed, as the models do: another blank would be part of a name.
        rows.append(Row(file, number, {column: record[column].strip(" ") for column in columns}))
    return rows


def _check_read_alike(path: Path, rows: Sequence[Row], findings: Findings) -> None:
    """The models read the file with DuckDB: what it understands otherwise, as mixed line ends, must not get there."""
    if not path.exists():
        return
    problem = "is not plain CSV; save it again with commas, double quotes, and one kind of line end"
    with duckdb.connect() as connection:
        try:
            found = connection.execute(f"SELECT * FROM {AS_TEXT}", [str(path)])  # noqa: S608
            names = [column[0] for column in found.description or ()]
            read = [dict(zip(names, (cell or "" for cell in record), strict=True)) for record in found.fetchall()]
        except duckdb.Error:
            findings.messages.append(f"{path.name}: {problem}")
            return
    ours = [row.values for row in rows]
    theirs = [{name: row[name].strip(" ") for name in ours[0]} for row in read] if ours and read else []
    after = rows[-1].number + 1 if rows else 2
    for row, other in zip_longest(rows, theirs):
        if row is None or row.values != other:
            findings.messages.append(f"{path.name}, row {row.number if row else after}: {problem}")
            return


def _check_plans(plans: Sequence[Row], findings: Findings) -> None:
    currencies = {row["currency"]: int(row["minor_unit"]) for row in seed_rows("currencies")}
    crediting = {"deal_partners", *seed_values("attribution_models", "model")}
    versions: dict[str, list[tuple[date, date, Row]]] = defaultdict(list)
    seen: dict[PlanKey, Row] = {}
    for row in plans:
        if not row["plan_id"]:
            findings.add(row, "plan_id", "is empty; every plan needs an id")
        if not row["programme"]:
            findings.add(row, "programme", "is empty; name the partner programme that the plan is of")
        _not_reserved(row, "programme", findings)
        if row.plan in seen:
            findings.add(
                row, "version", f"plan {row['plan_id']} version {row['version']} is in row {seen[row.plan].number}"
            )
        seen.setdefault(row.plan, row)
        _whole_number(row, "version", findings, at_least=1, required=True)
        _one_of(row, "model", MODELS, findings)
        # A fee per deal has no revenue tiers and no window of payments: only what earns on cash must declare them.
        earns_on_cash = row["model"] != "fixed_fee"
        _one_of(row, "tier_basis", TIER_BASES, findings, required=earns_on_cash)
        _one_of(row, "tier_mode", TIER_MODES, findings, required=earns_on_cash)
        _one_of(row, "rounding", ROUNDINGS, findings, required=False)
        _one_of(row, "volume_period", VOLUME_PERIODS, findings, required=False)
        _one_of(row, "crediting_model", sorted(crediting), findings, required=False)
        if row["currency"] not in currencies:
            findings.add(row, "currency", f"unknown currency {row['currency']!r}; use an ISO 4217 code such as USD")
        if not is_timezone(row["timezone"]):
            findings.add(
                row, "timezone", f"unknown time zone {row['timezone']!r}; use an IANA name such as America/New_York"
            )
        window = row["earn_window"]
        if (window or earns_on_cash) and not re.fullmatch(r"first_year|lifetime|months:[1-9][0-9]{0,3}", window):
            findings.add(row, "earn_window", f"{window!r} is not first_year, months:N or lifetime")
        _whole_number(row, "payment_terms_days", findings, at_most=_MOST_DAYS)
        _whole_number(row, "clawback_months", findings, at_most=_MOST_MONTHS)
        _number(row, "min_payout", findings, decimals=3)
        # A month that is capped is paid to the last minor unit, and no finer.
        _number(row, "cap_per_period", findings, decimals=currencies.get(row["currency"], 3))
        first = _day(row, "effective_from", findings, required=True)
        end = _day(row, "effective_to", findings)
        if first is not None and end is not None and end <= first:
            findings.add(
                row, "effective_to", f"{end} is not after effective_from {first}; it is the day after the last one"
            )
        elif first is not None:
            versions[row["plan_id"]].append((first, end or date.max, row))
    for spans in versions.values():
        spans.sort(key=lambda span: (span[0], span[2].number))
        for (_, end, earlier), (first, _, row) in pairwise(spans):
            if first < end:
                findings.add(
                    row,
                    "effective_from",
                    f"plan {row['plan_id']} version {row['version']} begins on {first}, while version "
                    f"{earlier['version']} (row {earlier.number}) is in force; end that one with effective_to {first}",
                )


def _check_belong(plans: Sequence[Row], rows: Iterable[Row], findings: Findings) -> None:
    known = {row.plan for row in plans}
    for row in rows:
        if row.plan not in known:
            findings.add(
                row, "plan_id", f"plan {row['plan_id']} version {row['version']} is not in commission_plans.csv"
            )


def _check_rates(plans: Sequence[Row], rates: Iterable[Row], findings: Findings) -> None:
    models = {row.plan: row["model"] for row in plans}
    bands: dict[tuple[str, str, str], list[tuple[Decimal, Decimal | None, Row]]] = defaultdict(list)
    fees: list[tuple[Decimal, Row]] = []
    multipliers: dict[PlanKey, tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
    for row in rates:
        _not_reserved(row, "tier", findings)
        if not _one_of(row, "component", COMPONENTS, findings):
            continue
        model = models.get(row.plan)
        # A volume rate multiplies the fee, so that it is of use where there is one.
        if model in MODELS and {"volume": "fixed_fee"}.get(row["component"], row["component"]) not in MODELS[model]:
            findings.add(
                row,
                "component",
                f"a {model} plan pays nothing by a {row['component']} row; make the plan hybrid in "
                "commission_plans.csv, or remove the row",
            )
        start = _number(row, "from_value", findings, decimals=3, required=True)
        end = _number(row, "to_value", findings, decimals=3)
        if start is not None and end is not None and end <= start:
            findings.add(row, "to_value", f"{end} is not above from_value {start}; the band is [from_value, to_value)")
        elif start is not None:
            bands[(*row.plan, row["component"])].append((start, end, row))
        # What the component does not use must still be a number: the models read the whole row.
        is_fee, is_volume = row["component"] == "fixed_fee", row["component"] == "volume"
        fee = _number(row, "fee", findings, decimals=3, required=is_fee, at_most=_MOST_MONEY)
        at_most = None if is_fee or is_volume else Decimal(1)
        rate = _number(row, "rate", findings, decimals=8, required=not is_fee, at_most=at_most)
        if is_volume and rate is not None:
            multipliers[row.plan] = max(multipliers[row.plan], (rate, row.number))
        elif is_fee and fee is not None:
            fees.append((fee, row))
    for fee, row in fees:
        rate, number = multipliers[row.plan]
        if fee * rate > _MOST_MONEY:
            findings.add(
                row,
                "fee",
                f"{fee} times the volume rate in row {number} is above {_MOST_MONEY}, the largest amount; lower one",
            )
    for spans in bands.values():
        _check_bands(spans, findings)
    for row in plans:
        for component in sorted(MODELS.get(row["model"], set())):
            if (*row.plan, component) not in bands:
                findings.add(row, "model", f"a {row['model']} plan needs {component} rows in commission_rates.csv")
        if (*row.plan, "volume") in bands and not row["volume_period"]:
            findings.add(
                row, "volume_period", f"is empty, but the plan has volume rows; use {', '.join(VOLUME_PERIODS)}"
            )


def _check_bands(spans: list[tuple[Decimal, Decimal | None, Row]], findings: Findings) -> None:
    """Bands of one component follow each other without overlap or gap."""
    spans.sort(key=lambda span: (span[0], span[2].number))
    for (_, end, earlier), (start, _, row) in pairwise(spans):
        before = f"the band in row {earlier.number}"
        if end is None or start < end:
            ends = "has no end" if end is None else f"ends at {end}"
            findings.add(row, "from_value", f"{start} overlaps {before}, which {ends}")
        elif start > end:
            findings.add(row, "from_value", f"{start} leaves a gap after {before}, which ends at {end}; begin at {end}")


def _check_bonuses(plans: Sequence[Row], bonuses: Iterable[Row], findings: Findings) -> None:
    # Any version's: a bonus rewards what all versions of the plan earned on in its period.
    on_fees_alone = {row["plan_id"] for row in plans} - {row["plan_id"] for row in plans if row["model"] != "fixed_fee"}
    seen: dict[tuple[str, str, str, Decimal | None, str], Row] = {}
    for row in bonuses:
        if row["plan_id"] in on_fees_alone:
            findings.add(
                row,
                "plan_id",
                f"plan {row['plan_id']} is fixed_fee and has no revenue that a bonus could reward; make it hybrid in "
                "commission_plans.csv, or remove the row",
            )
        _one_of(row, "metric", METRICS, findings)
        threshold = _number(row, "threshold", findings, decimals=3, required=True)
        key = (*row.plan, row["metric"], threshold, row["kind"])
        if threshold is not None and key in seen:
            findings.add(row, "threshold", f"the same bonus is in row {seen[key].number}; keep one")
        seen.setdefault(key, row)
        if not _one_of(row, "kind", BONUS_KINDS, findings):
            continue
        if row["kind"] == "rate":
            _number(row, "value", findings, decimals=8, required=True, at_most=Decimal(1))
            if row["metric"] == "new_customers":
                findings.add(row, "kind", "new_customers is a count, not a revenue; only a flat bonus can reward it")
        else:
            _number(row, "value", findings, decimals=3, required=True, at_most=_MOST_BONUS)


def _check_exclusions(exclusions: Iterable[Row], findings: Findings) -> None:
    seen: dict[tuple[str, ...], Row] = {}
    for row in exclusions:
        key = (*row.plan, row["product_id"])
        if not row["product_id"]:
            findings.add(row, "product_id", "is empty; name the product that earns nothing")
        elif key in seen:
            findings.add(row, "product_id", f"the same exclusion is in row {seen[key].number}")
        seen.setdefault(key, row)


def _enrolments_without_plan(settings: Settings, plan_ids: set[str]) -> list[str]:
    """A message for each landed enrolment, newest version, whose plan there is not."""
    messages: list[str] = []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for landed in _ENROLMENTS:
            loads = object_dir(settings.landing_dir, landed.source, landed.object_name)
            if not any(loads.glob("*/data.parquet")):
                continue
            rows = connection.execute(
                f"""
                SELECT "{landed.key}", coalesce(trim("{landed.plan}"), ''), _load_id, _file, _row
                FROM (
                    SELECT * FROM {data_files("?", union_by_name=True)}
                    QUALIFY row_number() OVER (
                        PARTITION BY "{landed.key}"
                        ORDER BY "{landed.updated}" DESC NULLS LAST, _loaded_at DESC, _row DESC
                    ) = 1
                )
                WHERE NOT coalesce("{landed.deleted}", false)
                    AND NOT list_contains(?, coalesce(trim("{landed.plan}"), ''))
                ORDER BY _file, _row
                """,  # noqa: S608
                [str(loads / "*" / "data.parquet"), sorted(plan_ids)],
            ).fetchall()
            asked: dict[str, list[tuple[str, int]]] = {}
            for _, _, load, file, row in rows:
                asked.setdefault(load, []).append((file, row))
            # One look at each load, however many of its records are wrong.
            lines = {
                (load, *record): line
                for load, records in asked.items()
                for record, line in zip(records, lines_of(loads / load, records), strict=True)
            }
            messages += [
                f"{file}, row {lines[load, file, row]}, field {landed.plan}: enrolment {key} has plan "
                f"{plan!r}, which is not in commission_plans.csv; correct the enrolment or add the plan"
                for key, plan, load, file, row in rows
            ]
    return messages


def _one_of(row: Row, name: str, allowed: Iterable[str], findings: Findings, *, required: bool = True) -> bool:
    value = row[name]
    if value in set(allowed) or (not value and not required):
        return True
    findings.add(row, name, f"{value!r} is not one of {', '.join(allowed)}")
    return False


def _not_reserved(row: Row, name: str, findings: Findings) -> None:
    if row[name].casefold() in RESERVED:
        findings.add(row, name, f"{row[name]!r} is what the reports call things without one; use another name")


def _parsed(
    row: Row, name: str, findings: Findings, parse: Callable[[str], _Value], expected: str, required: bool
) -> _Value | None:
    value = row[name]
    if not value:
        if required:
            findings.add(row, name, f"is empty; expected {expected}")
        return None
    try:
        return parse(value)
    except (ValueError, InvalidOperation):
        findings.add(row, name, f"{value!r} is not {expected}")
        return None


def _day(row: Row, name: str, findings: Findings, *, required: bool = False) -> date | None:
    def parse(text: str) -> date:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)

    return _parsed(row, name, findings, parse, "a date YYYY-MM-DD", required)


def _whole_number(
    row: Row,
    name: str,
    findings: Findings,
    *,
    at_least: int = 0,
    at_most: int = 999_999_999,
    required: bool = False,
) -> int | None:
    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not at_least <= int(text) <= at_most:
            raise ValueError(text)
        return int(text)

    return _parsed(row, name, findings, parse, f"a whole number from {at_least} to {at_most}", required)


def _number(
    row: Row,
    name: str,
    findings: Findings,
    *,
    decimals: int,
    required: bool = False,
    at_most: Decimal | None = None,
) -> Decimal | None:
    limits = "from 0 on" if at_most is None else f"from 0 to {at_most}"
    # The models hold 18 digits; one is left for sums.
    most = Decimal(10) ** (17 - decimals) if at_most is None else at_most

    def parse(text: str) -> Decimal:
        if not _NUMBER.fullmatch(text):
            raise ValueError(text)
        number = Decimal(text)
        exponent = number.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > decimals or not 0 <= number <= most:
            raise ValueError(text)
        return number

    return _parsed(
        row,
        name,
        findings,
        parse,
        f"a number {limits} with at most {decimals} decimals (a point before them, no thousands separator)",
        required,
    )


_WHOLE = re.compile(r"0|[1-9][0-9]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
_MOST_DAYS, _MOST_MONTHS = 36_500, 9_999
_MOST_MONEY = 10**INTEGER_DIGITS - Decimal("0.001")
"""As of a landed amount."""
_MOST_BONUS = Decimal("9999999999.999")
"""The models hold a bonus with eight decimals, since it may be a rate."""
