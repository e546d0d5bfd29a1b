"""Says what is wrong with the commission plans, before anything is computed.

All faults are collected, so that one reading mends a file; each names file, row (the header is row 1), field and what
was expected.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

import duckdb

from partner_warehouse.errors import BadInputError
from partner_warehouse.landing.layout import data_files, object_dir
from partner_warehouse.landing.manifest import lines_of
from partner_warehouse.landing.typing import INTEGER_DIGITS
from partner_warehouse.plans.files import BONUS_COLUMNS, EXCLUSION_COLUMNS, FILES, PLAN_COLUMNS, RATE_COLUMNS
from partner_warehouse.plans.rows import (
    Findings,
    PlanKey,
    Row,
    check_read_alike,
    day,
    not_reserved,
    number_of,
    one_of,
    read_rows,
    whole_number,
)
from partner_warehouse.settings import SEEDS, Settings, is_timezone, seed_rows, seed_values

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


def validate(settings: Settings) -> None:
    """Check the plans in force, and that every enrolment landed so far names one of them.

    Args:
        settings: The installation; `plans` is the directory, or None for the seeds.

    Raises:
        BadInputError: Something is wrong; the message has a line for each fault.
    """
    directory = settings.plans or SEEDS
    findings = Findings()
    plans = read_rows(directory, "commission_plans", PLAN_COLUMNS, findings)
    rates = read_rows(directory, "commission_rates", RATE_COLUMNS, findings)
    bonuses = read_rows(directory, "commission_bonuses", BONUS_COLUMNS, findings, optional=True)
    exclusions = read_rows(directory, "commission_exclusions", EXCLUSION_COLUMNS, findings, optional=True)
    if not findings.messages:
        _check_plans(plans, findings)
        _check_belong(plans, [*rates, *bonuses, *exclusions], findings)
        _check_rates(plans, rates, findings)
        _check_bonuses(plans, bonuses, findings)
        _check_exclusions(exclusions, findings)
        findings.messages += _enrolments_without_plan(settings, {row["plan_id"] for row in plans})
    if not findings.messages:
        for name, read in zip(FILES, (plans, rates, bonuses, exclusions), strict=True):
            check_read_alike(directory / f"{name}.csv", read, findings)
    if findings.messages:
        count = len(findings.messages)
        first = findings.messages[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        listed = "\n".join(f"  {message}" for message in findings.messages)
        raise BadInputError(f"commission plans in {directory}: {first}{more}\n{listed}")


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
        not_reserved(row, "programme", findings)
        if row.plan in seen:
            findings.add(
                row,
                "version",
                f"plan {row['plan_id']} version {row['version']} is in row {seen[row.plan].number} already; keep one, "
                "or give this one another version",
            )
        seen.setdefault(row.plan, row)
        whole_number(row, "version", findings, at_least=1, required=True)
        one_of(row, "model", MODELS, findings)
        # A fee per deal has no revenue tiers and no window of payments: only what earns on cash must declare them.
        earns_on_cash = row["model"] != "fixed_fee"
        one_of(row, "tier_basis", TIER_BASES, findings, required=earns_on_cash)
        one_of(row, "tier_mode", TIER_MODES, findings, required=earns_on_cash)
        one_of(row, "rounding", ROUNDINGS, findings, required=False)
        one_of(row, "volume_period", VOLUME_PERIODS, findings, required=False)
        one_of(row, "crediting_model", sorted(crediting), findings, required=False)
        if row["currency"] not in currencies:
            findings.add(row, "currency", f"unknown currency {row['currency']!r}; use an ISO 4217 code such as USD")
        if not is_timezone(row["timezone"]):
            findings.add(
                row, "timezone", f"unknown time zone {row['timezone']!r}; use an IANA name such as America/New_York"
            )
        window = row["earn_window"]
        if (window or earns_on_cash) and not re.fullmatch(r"first_year|lifetime|months:[1-9][0-9]{0,3}", window):
            findings.add(row, "earn_window", f"{window!r} is not first_year, months:N or lifetime")
        whole_number(row, "payment_terms_days", findings, at_most=_MOST_DAYS)
        whole_number(row, "clawback_months", findings, at_most=_MOST_MONTHS)
        number_of(row, "min_payout", findings, decimals=3)
        # A month that is capped is paid to the last minor unit, and no finer.
        number_of(row, "cap_per_period", findings, decimals=currencies.get(row["currency"], 3))
        first = day(row, "effective_from", findings, required=True)
        end = day(row, "effective_to", findings)
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
                row,
                "plan_id",
                f"plan {row['plan_id']} version {row['version']} is not in commission_plans.csv; correct the row, or "
                "add the plan version",
            )


def _check_rates(plans: Sequence[Row], rates: Iterable[Row], findings: Findings) -> None:
    models = {row.plan: row["model"] for row in plans}
    bands: dict[tuple[str, str, str], list[tuple[Decimal, Decimal | None, Row]]] = defaultdict(list)
    fees: list[tuple[Decimal, Row]] = []
    multipliers: dict[PlanKey, tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
    for row in rates:
        not_reserved(row, "tier", findings)
        if not one_of(row, "component", COMPONENTS, findings):
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
        start = number_of(row, "from_value", findings, decimals=3, required=True)
        end = number_of(row, "to_value", findings, decimals=3)
        if start is not None and end is not None and end <= start:
            findings.add(row, "to_value", f"{end} is not above from_value {start}; the band is [from_value, to_value)")
        elif start is not None:
            bands[(*row.plan, row["component"])].append((start, end, row))
        # What the component does not use must still be a number: the models read the whole row.
        is_fee, is_volume = row["component"] == "fixed_fee", row["component"] == "volume"
        fee = number_of(row, "fee", findings, decimals=3, required=is_fee, at_most=_MOST_MONEY)
        at_most = None if is_fee or is_volume else Decimal(1)
        rate = number_of(row, "rate", findings, decimals=8, required=not is_fee, at_most=at_most)
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
        one_of(row, "metric", METRICS, findings)
        threshold = number_of(row, "threshold", findings, decimals=3, required=True)
        key = (*row.plan, row["metric"], threshold, row["kind"])
        if threshold is not None and key in seen:
            findings.add(row, "threshold", f"the same bonus is in row {seen[key].number}; keep one")
        seen.setdefault(key, row)
        if not one_of(row, "kind", BONUS_KINDS, findings):
            continue
        if row["kind"] == "rate":
            number_of(row, "value", findings, decimals=8, required=True, at_most=Decimal(1))
            if row["metric"] == "new_customers":
                findings.add(row, "kind", "new_customers is a count, not a revenue; only a flat bonus can reward it")
        else:
            number_of(row, "value", findings, decimals=3, required=True, at_most=_MOST_BONUS)


def _check_exclusions(exclusions: Iterable[Row], findings: Findings) -> None:
    seen: dict[tuple[str, ...], Row] = {}
    for row in exclusions:
        key = (*row.plan, row["product_id"])
        if not row["product_id"]:
            findings.add(row, "product_id", "is empty; name the product that earns nothing")
        elif key in seen:
            findings.add(row, "product_id", f"the same exclusion is in row {seen[key].number}; keep one")
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


_MOST_DAYS, _MOST_MONTHS = 36_500, 9_999
_MOST_MONEY = 10**INTEGER_DIGITS - Decimal("0.001")
"""As of a landed amount."""
_MOST_BONUS = Decimal("9999999999.999")
"""The models hold a bonus with eight decimals, since it may be a rate."""
