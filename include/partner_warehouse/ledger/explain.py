"""Where an amount comes from, or why there is none: read from the publication, and from the plan files.

A payout leads to its lines, a line to the entitlement that it posts and to every other line of the same movement, a
movement to the partners who earn on it or to the reason that it is excluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb

from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger import sentences
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.plan_files import PlanFiles
from partner_warehouse.ledger.publication import basis, publication, published_columns
from partner_warehouse.plans.files import AS_TEXT
from partner_warehouse.settings import Settings

_TABLES = (
    ("finance", "approved_payouts"),
    ("finance", "approved_payout_lines"),
    ("finance", "commission_lines"),
    ("finance", "exclusions"),
    ("attribution", "partner_roles"),
    ("attribution", "credits"),
    ("partners", "dim_partner"),
    ("ops", "quarantine"),
)


_FIRST_POSTED_LATER = """
    partner_id = ? AND period > ? AND earned_on <= ? AND commission_line_id NOT IN (
        SELECT before.commission_line_id FROM publication.{approved_payout_lines} AS before
        WHERE before.partner_id = approved_payout_lines.partner_id AND before.period <= ?
    )
"""
_IDLE_DEALS = """
    partner_id = ? AND is_won AND decided_at < CAST(? AS TIMESTAMPTZ) AND deal_id NOT IN (
        SELECT earning.deal_id FROM publication.{commission_lines} AS earning
        WHERE earning.deal_id IS NOT NULL AND earning.partner_id = partner_roles.partner_id
    )
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One step of a derivation: rows of one table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A derivation, from what was asked for back to the plan.

    Attributes:
        summary: Plain sentences.
        sections: The rows that they rest on.
    """

    summary: tuple[str, ...]
    sections: tuple[Section, ...]


def explain(
    settings: Settings,
    *,
    payout: str | None = None,
    line: str | None = None,
    movement: str | None = None,
    partner: str | None = None,
    period: str | None = None,
) -> Explanation:
    """Explain one payout, line, movement, or what a partner got or did not get in a period.

    Args:
        settings: The installation.
        payout: A payout_id.
        line: A line_id, posted or of the entitlement.
        movement: A movement_id.
        partner: A partner_id, together with `period`.
        period: `YYYY-MM`.

    Raises:
        BadInputError: Not exactly one of them, nothing is published, or nothing has this id.
    """
    if sum(given is not None for given in (payout, line, movement, partner)) != 1 or (partner is None) != (
        period is None
    ):
        raise BadInputError("explain: give one of a payout, a line, a movement, or a partner with a period")
    month = Period.parse(period) if period is not None else None
    with publication(settings.published_path) as duck:
        source = _Published(duck, settings)
        if payout is not None:
            found = source.payout(payout)
        elif line is not None:
            found = source.line(line)
        elif movement is not None:
            found = source.movement(movement)
        elif partner is not None and month is not None:
            found = source.partner(partner, month)
        return Explanation(found.summary, tuple(dict.fromkeys(found.sections)))


class _Published:
    """The attached publication, read table by table; one that is not published yet has no rows."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, settings: Settings) -> None:
        self._duck = duck
        self._plans = PlanFiles(settings, basis(duck).plans_hash)
        self._names = {table: f"{schema}.{table}" for schema, table in _TABLES}
        self._columns = {table: published_columns(duck, schema, table) for schema, table in _TABLES}

    def payout(self, payout_id: str) -> Explanation:
        payouts = self._rows("approved_payouts", "payout_id = ?", [payout_id])
        if not payouts.rows:
            raise BadInputError(f"payout {payout_id}: not among the approved payouts")
        lines = self._rows("approved_payout_lines", "payout_id = ?", [payout_id])
        balance = self._said("approved_payouts", sentences.PAYOUT, "payout_id = ?", [payout_id])
        return Explanation(tuple(balance), (payouts, lines, *self._origin(lines)))

    def line(self, line_id: str) -> Explanation:
        posted = self._rows("approved_payout_lines", "line_id = ?", [line_id])
        ids = {line_id, *_values(posted, "corrects_line_id"), *_values(posted, "commission_line_id")} - {None}
        marks = ", ".join("?" * len(ids))
        live = self._rows("commission_lines", f"line_id IN ({marks})", sorted(ids))
        related = self._rows(
            "approved_payout_lines",
            f"line_id IN ({marks}) OR corrects_line_id IN ({marks})",
            [*sorted(ids), *sorted(ids)],
        )
        if not posted.rows and not live.rows:
            raise BadInputError(f"line {line_id}: neither posted nor part of the entitlement")
        told = ("approved_payout_lines", sentences.POSTED_LINE)
        if not posted.rows:
            told = ("commission_lines", sentences.ENTITLEMENT_LINE)
        summary = self._said(*told, "line_id = ?", [line_id])
        entitled = {(row["line_id"], row["partner_id"]) for row in _records(live)}
        summary += [
            self._gone_sentence(row)
            for row in _records(posted)
            # The balance of a merged partner was never part of the entitlement.
            if row["component"] != "balance" and (row["commission_line_id"], row["partner_id"]) not in entitled
        ]
        return Explanation(tuple(summary), (live, related, *self._origin(live if live.rows else posted)))

    def _gone_sentence(self, line: dict[str, Any]) -> str:
        """What becomes of what was posted of a line that the entitlement has no more."""
        if self._posted_of(line["partner_id"]).get(line["commission_line_id"]) == 0:
            return "It is no longer part of the entitlement, and all that was posted of it is reversed."
        return (
            "It is no longer part of the entitlement: the next period reverses what was posted, of what takes back "
            "once nothing of it is held."
        )

    def movement(self, movement_id: str) -> Explanation:
        excluded = self._rows("exclusions", "movement_id = ?", [movement_id])
        live = self._rows("commission_lines", "movement_id = ?", [movement_id])
        posted = self._rows("approved_payout_lines", "movement_id = ?", [movement_id])
        aside = self._rows("quarantine", "record_key = ?", [movement_id])
        if not excluded.rows and not live.rows and not posted.rows and not aside.rows:
            raise BadInputError(
                f"movement {movement_id}: neither a commission line nor an exclusion is published for it, and no "
                "record of this id was set aside"
            )
        summary = [
            f"{row['amount']} {row['currency']} of it earn nothing: {row['reason']}." for row in _records(excluded)
        ]
        summary += self._said("commission_lines", sentences.ENTITLEMENT_LINE, "movement_id = ?", [movement_id])
        summary += [_aside_sentence(row) for row in _records(aside)]
        return Explanation(tuple(summary), (excluded, live, posted, aside, *self._shares_and_plans(live, live)))

    def partner(self, partner_id: str, month: Period) -> Explanation:
        payouts = self._rows("approved_payouts", "partner_id = ? AND period = ?", [partner_id, str(month)])
        posted = self._rows("approved_payout_lines", "partner_id = ? AND period = ?", [partner_id, str(month)])
        live = self._rows("commission_lines", "partner_id = ?", [partner_id])
        if not payouts.rows and not posted.rows and not live.rows and not self._is_known(partner_id):
            raise BadInputError(f"partner {partner_id}: there is no such partner in what is published")
        summary = self._said(
            "approved_payouts", sentences.PAYOUT, "partner_id = ? AND period = ?", [partner_id, str(month)]
        )
        waiting = [row for row in _records(live) if row.get("status") != "posted"]
        ids = {row["line_id"] for row in waiting}
        open_lines = Section(
            "finance.commission_lines, not posted",
            live.columns,
            tuple(row for row, record in zip(live.rows, _records(live), strict=True) if record.get("line_id") in ids),
        )
        if not payouts.rows:
            summary.append(f"{partner_id} has no approved payout in {month}.")
        posted_so_far = self._posted_of(partner_id)
        later = self._posted_later(partner_id, month)
        excluded = self._kept_from(partner_id, month)
        reasons = [_waiting_sentence(row, posted_so_far.get(row["line_id"]), month) for row in waiting]
        reasons += [_later_sentence(row, month) for row in _records(later)]
        reasons += [
            f"{row['amount']} {row['currency']} of {row['movement_kind']} {row['movement_id']} earn nothing: "
            f"{row['reason']}."
            for row in _records(excluded)
        ]
        idle: tuple[Section, ...] = ()
        if not payouts.rows and not reasons:
            ended = month.last_day + timedelta(days=1)
            deals = self._rows("partner_roles", _IDLE_DEALS.format(**self._names), [partner_id, f"{ended}T00:00:00Z"])
            reasons.append(
                f"No line of this partner was open at the end of {month}, and none of its orders is excluded in it: no "
                "payment came, or its record was set aside (ops.quarantine)."
            )
            if deals.rows:
                reasons.append(f"Its deals won by then without a line: {', '.join(sorted(_values(deals, 'deal_id')))}.")
            idle = (deals,)
        return Explanation(
            (*summary, *reasons), (payouts, posted, open_lines, later, excluded, *idle, *self._origin(posted))
        )

    def _posted_later(self, partner_id: str, month: Period) -> Section:
        """Lines that were earned by the end of the month, and posted in a later one for the first time."""
        found = self._rows(
            "approved_payout_lines",
            _FIRST_POSTED_LATER.format(**self._names),
            [partner_id, str(month), month.last_day, str(month)],
        )
        return Section(f"{found.title}, posted later", found.columns, found.rows)

    def _kept_from(self, partner_id: str, month: Period | None = None) -> Section:
        """What a reason kept the partner from earning on, in the month or ever.

        A publication of before may not know whom.
        """
        if "partner_ids" not in self._columns["exclusions"]:
            return Section(self._names["exclusions"], (), ())
        concerns, given = "list_contains(from_json(partner_ids, '[\"VARCHAR\"]'), ?)", [partner_id]
        if month is not None:
            concerns, given = f"{concerns} AND month = CAST(? AS DATE)", [partner_id, f"{month}-01"]
        return self._rows("exclusions", concerns, given)

    def _is_known(self, partner_id: str) -> bool:
        """Whether the partner is published, was ever paid, or is named by a deal although nobody knows it."""
        tables = ("dim_partner", "approved_payouts", "approved_payout_lines")
        return any(self._rows(table, "partner_id = ?", [partner_id]).rows for table in tables) or bool(
            self._kept_from(partner_id).rows
        )

    def _posted_of(self, partner_id: str) -> dict[str, Any]:
        """What was posted to a partner so far, of each line of the entitlement."""
        if not self._columns["approved_payout_lines"]:
            return {}
        found = self._duck.execute(
            f"SELECT commission_line_id, sum(amount) FROM publication.{self._names['approved_payout_lines']} "  # noqa: S608
            "WHERE partner_id = ? GROUP BY commission_line_id",
            [partner_id],
        )
        return dict(found.fetchall())

    def _origin(self, lines: Section) -> tuple[Section, ...]:
        """The entitlement of the same movements, what of them is excluded, and the plans."""
        movements = sorted({str(value) for value in _values(lines, "movement_id") if value is not None})
        if not movements:
            return self._plan_sections(lines)
        marks = ", ".join("?" * len(movements))
        live = self._rows("commission_lines", f"movement_id IN ({marks})", movements)
        excluded = self._rows("exclusions", f"movement_id IN ({marks})", movements)
        return (live, excluded, *self._shares_and_plans(lines, live))

    def _shares_and_plans(self, lines: Section, live: Section) -> tuple[Section, ...]:
        """Why the partners of the live lines' deals have the shares that they have, and the plans' rows of the lines.

        A deal's partners are what its records make them. Where a plan pays by an attribution model, the credits of its
        touches decide as well.
        """
        terms = self._plan_sections(lines)
        deals = sorted({str(value) for value in _values(live, "deal_id") if value is not None})
        if not deals:
            return terms
        marks = ", ".join("?" * len(deals))
        shares = [self._rows("partner_roles", f"deal_id IN ({marks})", deals)]
        named = {str(model) for section in terms for model in _values(section, "crediting_model") if model}
        if models := sorted(named - {"deal_partners"}):
            wanted = ", ".join("?" * len(models))
            shares.append(
                self._rows("credits", f"conversion_id IN ({marks}) AND model IN ({wanted})", [*deals, *models])
            )
        return (*shares, *terms)

    def _plan_sections(self, lines: Section) -> tuple[Section, ...]:
        """The rows of the plan files that decided the lines: those pinned by their period, else those of the build."""
        used: dict[str | None, set[tuple[str, str | None]]] = {}
        is_posted = lines.title == self._names["approved_payout_lines"]
        for row in _records(lines):
            period = str(row["period"]) if is_posted else None
            # What is measured over a month or quarter may have the terms of another version than the order has.
            version = None if row["component"] in {"bonus", "cap"} else str(row["plan_version"])
            used.setdefault(period, set()).add((str(row["plan_id"]), version))
        sections = []
        for period, versions in sorted(used.items(), key=lambda entry: entry[0] or ""):
            marks = " OR ".join("(plan_id = ? AND version = coalesce(?, version))" for _ in versions)
            parameters = [value for version in sorted(versions, key=str) for value in version]
            for path in self._plans.of(period):
                found = self._duck.execute(
                    f"SELECT * FROM {AS_TEXT} WHERE {marks}",  # noqa: S608
                    [str(path), *parameters],
                )
                sections.append(_section(path.name, found))
        return tuple(sections)

    def _said(self, table: str, sentence: str, condition: str, parameters: Sequence[str]) -> list[str]:
        """Sentences about rows of a published table; in a publication of before, lines may have no fee."""
        if not self._columns[table]:
            return []
        rows = f"publication.{self._names[table]}"
        if table != "approved_payouts" and "fee" not in self._columns[table]:
            rows = f"(SELECT *, CAST(NULL AS DECIMAL(18, 3)) AS fee FROM {rows})"  # noqa: S608
        found = self._duck.execute(
            f"SELECT {sentence} AS said FROM {rows} WHERE {condition} ORDER BY said",  # noqa: S608
            list(parameters),
        )
        return [row[0] for row in found.fetchall()]

    def _rows(self, table: str, condition: str, parameters: Sequence[Any]) -> Section:
        """Rows of a published table, in the order of its first columns."""
        if not self._columns[table]:
            return Section(self._names[table], (), ())
        found = self._duck.execute(
            f"SELECT * FROM publication.{self._names[table]} WHERE {condition} ORDER BY ALL",  # noqa: S608
            list(parameters),
        )
        return _section(self._names[table], found)


def _section(title: str, found: duckdb.DuckDBPyConnection) -> Section:
    columns = tuple(column[0] for column in found.description or ())
    return Section(title, columns, tuple(found.fetchall()))


def _records(section: Section) -> list[dict[str, Any]]:
    return [dict(zip(section.columns, row, strict=True)) for row in section.rows]


def _values(section: Section, column: str) -> list[Any]:
    return [record[column] for record in _records(section)] if column in section.columns else []


def _aside_sentence(row: dict[str, Any]) -> str:
    """Why a record does not count, or what is odd about it."""
    fate = "is set aside" if row["disposition"] == "set_aside" else "counts, although"
    return (
        f"The record of {row['source']} {row['object']} in {row['file']}, line {row['line']}, {fate}: "
        f"{row['field']}: {row['reason']}."
    )


def _later_sentence(row: dict[str, Any], month: Period) -> str:
    """Why a line that is posted by now was not in the period's payout."""
    what = f"Line {row['line_id']} ({row['amount']} {row['currency']})"
    if row["payable_on"] > month.last_day:
        return f"{what} was payable later, on {row['payable_on']}, and is in {row['payout_id']}."
    return (
        f"{what}, earned on {row['earned_on']}, is in {row['payout_id']}: it was held until then, was not known yet, "
        f"or {month} was passed over."
    )


def _waiting_sentence(row: dict[str, Any], posted: Any, month: Period) -> str:
    """Why a line of the entitlement, or what is not posted of it yet, is not in the period's payout."""
    of_it = f", of which {posted} is posted" if posted is not None else ""
    amount = "its amount not known yet" if row["amount"] is None else f"{row['amount']} {row['currency']}"
    what = f"Line {row['line_id']} ({amount}{of_it})"
    if row["status"] == "held":
        return f"{what} is held: {row['hold_reason']}."
    if row["earned_on"] > month.last_day:
        return f"{what} is earned later, on {row['earned_on']}."
    if row["payable_on"] > month.last_day:
        return f"{what} is payable later, on {row['payable_on']}."
    if row.get("is_held") and row["amount"] > (posted or 0):
        return f"{what} takes less than was posted, which is given back once its payment is held no more."
    but = ""
    if row.get("withheld_amount"):
        so_far = ", as far as what that takes back waits" if row["withheld_amount"] < 0 else ""
        but = f", but for {row['withheld_amount']} that is held{so_far}: {row['hold_reason']}"
    return f"{what} is due, and waits for a payout to be approved{but}."
