"""What a period would post: the published entitlement up to its end, less everything already posted.

All of it is set-based, in DuckDB: the publication is attached read-only, what was posted is brought over from the
ledger. Amounts stay DECIMAL throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
from sqlalchemy import Connection, Select, func, select

from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger import bulk, schema
from partner_warehouse.ledger.content import LINE_COLUMNS, PAYOUT_COLUMNS, typed_list
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.plan_files import PlanFiles
from partner_warehouse.ledger.publication import basis, literal, published_columns
from partner_warehouse.plans.files import AS_TEXT
from partner_warehouse.settings import Settings

_NEEDED = (
    *("line_id", "partner_id", "plan_id", "amount", "currency", "earned_on", "payable_on"),
    *("is_held", "withheld_amount", "withheld_base_amount"),
)

_TAKES_BACK = "(corrects_line_id IS NOT NULL OR movement_kind NOT IN ('payment', 'deal'))"
"""Over lines of the entitlement: whether one is of a loss, and takes from what another movement earned."""


def compute(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period, settings: Settings) -> None:
    """Make the DuckDB tables `lines` and `payouts` of a period, from the attached publication and the ledger.

    Only what was posted for earlier periods counts as posted, so that an approved period can be computed again.

    Raises:
        BadInputError: `finance.commission_lines` is not published or lacks a column; the plan file cannot be read.
    """
    _read_entitlement(duck, period)
    _read_posted(duck, connection, period)
    _read_merged(duck)
    _find_changes(duck)
    _read_reversed(duck, connection, period)
    _keep_slices_of_untouched(duck)
    _keep_losses_of_untouched(duck, connection, period)
    _withhold(duck)
    bulk.load(connection, _balances(period), duck, "balances")
    plan_files = PlanFiles(settings, basis(duck).plans_hash)
    read_minimums(duck, plan_files.directory(), [period])
    _make_lines(duck, period)
    _move_balances_of_merged(duck, period)
    _make_payouts(duck, period)


def _read_entitlement(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`live`: every published commission line; `due`: those that the period may post. Views, since few have changed."""
    present = published_columns(duck, "finance", "commission_lines")
    missing = [name for name in _NEEDED if name not in present]
    if missing:
        raise BadInputError(f"the publication's finance.commission_lines lacks {', '.join(missing)}: publish again")
    typed = ", ".join(
        f"CAST({name if name in present else 'NULL'} AS {bulk.duckdb_type(kind)}) AS {name}"
        for name, kind in LINE_COLUMNS.items()
        if name not in {"commission_line_id", "payout_id"}
    )
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW live AS SELECT {typed}, "  # noqa: S608
        "CAST(withheld_amount AS DECIMAL(18, 3)) AS withheld_amount, "
        "CAST(withheld_base_amount AS DECIMAL(18, 3)) AS withheld_base_amount, "
        f"is_held, amount IS NULL OR (is_held AND NOT {_TAKES_BACK}) AS untouched "
        "FROM publication.finance.commission_lines"
    )
    end = literal(period.last_day.isoformat())
    is_due = f"NOT untouched AND earned_on <= {end} AND payable_on <= {end}"
    duck.execute(f"CREATE OR REPLACE TEMP VIEW due AS SELECT * FROM live WHERE {is_due}")  # noqa: S608


def _read_posted(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """`posted`: what each commission line was posted with before the period; DuckDB sums faster than the ledger."""
    lines = schema.payout_lines.c
    amounts = select(lines.commission_line_id, lines.partner_id, lines.currency, lines.amount)
    bulk.load(connection, amounts.where(lines.period < str(period)), duck, "posted_amounts")
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE posted AS
        SELECT commission_line_id, partner_id, currency, CAST(sum(amount) AS DECIMAL(18, 3)) AS amount
        FROM posted_amounts
        GROUP BY ALL
        """
    )
    duck.execute("DROP TABLE posted_amounts")


def _balances(period: Period) -> Select[tuple[str, str, Decimal, Decimal]]:
    """Per partner and currency: what was posted less what was paid, and the minimum last in force."""
    paid = schema.payouts.c
    newest = (
        select(paid.partner_id, paid.currency, func.max(paid.period).label("period"))
        .where(paid.period < str(period))
        .group_by(paid.partner_id, paid.currency)
        .subquery()
    )
    return select(paid.partner_id, paid.currency, paid.closing_balance, paid.min_payout).join_from(
        schema.payouts,
        newest,
        (paid.partner_id == newest.c.partner_id)
        & (paid.currency == newest.c.currency)
        & (paid.period == newest.c.period),
    )


def _read_merged(duck: duckdb.DuckDBPyConnection) -> None:
    """`merged`: partners that are another one now, and the id of the lines by which their balance moves."""
    if published_columns(duck, "finance", "merged_partners"):
        found = "SELECT partner_id, merged_into FROM publication.finance.merged_partners"
    else:
        found = "SELECT NULL::VARCHAR AS partner_id, NULL::VARCHAR AS merged_into WHERE false"
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE merged AS
        SELECT *, 'MERGE-' || left(sha256(concat_ws(chr(31), partner_id, merged_into)), 32) AS line_id FROM ({found})
        """  # noqa: S608
    )


def _find_changes(duck: duckdb.DuckDBPyConnection) -> None:
    """`changes`: what differs between what is due and what was posted.

    A partner's line that is held, or whose amount is not known, stays as it was posted. So does what moved between two
    partners, while they are one.
    """
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE changes AS
        SELECT
            coalesce(due.line_id, posted.commission_line_id) AS commission_line_id,
            coalesce(due.partner_id, posted.partner_id) AS partner_id,
            coalesce(due.currency, posted.currency) AS currency,
            CAST(coalesce(due.amount, 0) - coalesce(posted.amount, 0) AS DECIMAL(18, 3)) AS amount,
            CAST(0 AS DECIMAL(18, 3)) AS waiting,
            due.line_id IS NOT NULL AS is_due,
            posted.commission_line_id IS NULL AS is_new
        FROM due
        FULL JOIN posted
            ON due.line_id = posted.commission_line_id
            AND due.partner_id = posted.partner_id
            AND due.currency = posted.currency
        """
    )
    duck.execute(
        """
        DELETE FROM changes
        WHERE (NOT is_new AND amount = 0)
            OR (
                NOT is_due
                AND (commission_line_id, partner_id) IN (SELECT (line_id, partner_id) FROM live WHERE untouched)
            )
            OR commission_line_id IN (SELECT line_id FROM merged)
        """
    )


_CHUNK = 500


def _read_reversed(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """`reversed`: the first posting of each line that is due no more, so that its reversal can name what it was."""
    gone = duck.execute("SELECT DISTINCT commission_line_id FROM changes WHERE NOT is_due ORDER BY ALL").fetchall()
    _read_first_postings(duck, connection, period, [row[0] for row in gone], "reversed")


def _read_first_postings(
    duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period, line_ids: Sequence[str], target: str
) -> None:
    """A table of the first posting before the period of each of these lines, to each partner in each currency.

    With `partner_now`: whom the CRM has merged that partner into, else the same.
    """
    names = [name for name in LINE_COLUMNS if name not in {"payout_id", "line_id"}]
    columns = [schema.payout_lines.c[name] for name in ("period", *names)]
    statement = select(*columns).where(schema.payout_lines.c.period < str(period))
    bulk.load(connection, statement.where(schema.payout_lines.c.line_id.is_(None)), duck, "postings")
    for start in range(0, len(line_ids), _CHUNK):
        wanted = line_ids[start : start + _CHUNK]
        chosen = statement.where(schema.payout_lines.c.commission_line_id.in_(wanted))
        bulk.load(connection, chosen, duck, "postings_chunk")
        duck.execute("INSERT INTO postings FROM postings_chunk")
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {target} AS
        SELECT postings.*, coalesce(merged.merged_into, postings.partner_id) AS partner_now
        FROM postings
        LEFT JOIN merged USING (partner_id)
        QUALIFY row_number() OVER (PARTITION BY commission_line_id, partner_id, currency ORDER BY period) = 1
        """  # noqa: S608
    )


def _keep_slices_of_untouched(duck: duckdb.DuckDBPyConnection) -> None:
    """What was posted for a movement stands while its line is held or without an amount, under whichever id.

    A line without a rate of exchange is in no tier, and one that is held may be in another tier or version of the plan
    than it was posted in: its id, which names them, is not the posted one's. Nor is that of a line whose partner was
    merged into another one. A line that the partner still has under its id is decided by itself. `finance.accruals` has
    the same rule.
    """
    duck.execute(
        """
        DELETE FROM changes
        USING reversed, live
        WHERE NOT changes.is_due
            AND live.untouched
            AND changes.commission_line_id = reversed.commission_line_id
            AND changes.partner_id = reversed.partner_id
            AND changes.currency = reversed.currency
            AND reversed.movement_id = live.movement_id
            AND reversed.movement_kind = live.movement_kind
            AND reversed.partner_now = live.partner_id
            AND reversed.plan_id = live.plan_id
            AND reversed.component = live.component
            AND NOT EXISTS (
                SELECT 1 FROM live AS own
                WHERE own.line_id = changes.commission_line_id AND own.partner_id = changes.partner_id
            )
        """
    )


def _keep_losses_of_untouched(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """What a payment's loss took stands while the payment is held, where the loss fell away or became smaller.

    A loss is all that a movement takes from a partner in a currency, whatever its lines are: they may be in other tiers
    now. One that fell away names its payment by the line that it corrected, which may be gone itself.
    """
    unknown = duck.execute(
        """
        SELECT corrects_line_id FROM reversed WHERE corrects_line_id IS NOT NULL
        EXCEPT
        SELECT line_id FROM live WHERE line_id IN (SELECT corrects_line_id FROM reversed)
        EXCEPT
        SELECT commission_line_id FROM reversed
        ORDER BY ALL
        """
    ).fetchall()
    _read_first_postings(duck, connection, period, [row[0] for row in unknown], "corrected")
    duck.execute(
        f"""
        DELETE FROM changes
        WHERE (commission_line_id, partner_id, currency) IN (
            WITH known AS (
                SELECT line_id, movement_kind, movement_id FROM live
                WHERE line_id IN (SELECT corrects_line_id FROM reversed)
                UNION
                SELECT commission_line_id, movement_kind, movement_id FROM reversed
                UNION
                SELECT commission_line_id, movement_kind, movement_id FROM corrected
            ),
            held AS (
                SELECT DISTINCT partner_id, movement_kind, movement_id FROM live WHERE untouched OR is_held
            ),
            moved AS (
                SELECT changes.*, due.partner_id AS partner_now, due.movement_kind, due.movement_id, due.is_held
                FROM changes
                INNER JOIN due
                    ON changes.commission_line_id = due.line_id
                    AND changes.partner_id = due.partner_id AND changes.currency = due.currency
                WHERE {_TAKES_BACK}
                UNION ALL
                SELECT changes.*, reversed.partner_now, reversed.movement_kind, reversed.movement_id,
                    held.movement_id IS NOT NULL
                FROM changes
                INNER JOIN reversed USING (commission_line_id, partner_id, currency)
                LEFT JOIN known ON reversed.corrects_line_id = known.line_id
                LEFT JOIN held
                    ON reversed.partner_now = held.partner_id
                    AND coalesce(known.movement_kind, reversed.movement_kind) = held.movement_kind
                    AND coalesce(known.movement_id, reversed.movement_id) = held.movement_id
                WHERE NOT changes.is_due
            )
            SELECT commission_line_id, partner_id, currency
            FROM moved
            WINDOW of_movement AS (PARTITION BY partner_now, currency, movement_kind, movement_id)
            QUALIFY sum(amount) OVER of_movement > 0 AND bool_or(is_held) OVER of_movement
        )
        """  # noqa: S608
    )


def _withhold(duck: duckdb.DuckDBPyConnection) -> None:
    """What a free payment's lines earn on payments that are held waits, and so does what they take of what waits.

    A tier or bonus that a payment reaches, or a loss drops, is one line over all that it earns on: `withheld_amount`
    says what of it is earned on what is held, or taken from it. A movement is posted up to its amount less that,
    whatever its lines are: those of a cap may take of it, and those of another tier may have been posted. What was
    posted already stands. What is taken is left out up to what waits of the partner's plan: the rest was posted, and a
    hold keeps no loss of that. `finance.accruals` has the same rules.
    """
    _measure_withheld(duck)
    _measure_unposted(duck)
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE waiting AS
        WITH allowed AS (
            SELECT
                partner_now, currency, plan_id, movement_kind, movement_id, direction,
                CASE
                    WHEN direction = 1 THEN wanted
                    ELSE greatest(least(wanted, coalesce(unposted.amount, 0) + wanted - sum(wanted) OVER so_far), 0)
                END AS waits
            FROM withheld
            LEFT JOIN unposted USING (partner_now, currency, plan_id)
            WINDOW so_far AS (
                PARTITION BY partner_now, currency, plan_id, direction
                ORDER BY movement_id, movement_kind
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        ),
        measured AS (
            SELECT *, greatest(direction * changed, 0) AS amount,
                greatest(least(direction * withheld_amount, direction * changed), 0) AS own
            FROM withheld_changes
            INNER JOIN allowed USING (partner_now, currency, plan_id, movement_kind, movement_id)
        ),
        -- Of the lines that earn on what is held as much as they do, then of whichever there are.
        parts AS (
            SELECT *, 1 AS turn, own AS part FROM measured
            UNION ALL
            SELECT *, 2 AS turn, amount - own AS part FROM measured
        ),
        taken AS (
            SELECT
                commission_line_id, partner_id, currency, direction,
                greatest(least(part, waits + part - sum(part) OVER so_far), 0) AS amount
            FROM parts
            WINDOW so_far AS (
                PARTITION BY partner_now, currency, plan_id, movement_kind, movement_id
                ORDER BY turn, commission_line_id, partner_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        )
        SELECT commission_line_id, partner_id, currency, sum(direction * amount) AS amount
        FROM taken
        GROUP BY ALL
        """
    )
    duck.execute(
        """
        UPDATE changes
        SET waiting = waiting.amount, amount = changes.amount - waiting.amount
        FROM waiting
        WHERE waiting.amount <> 0
            AND changes.commission_line_id = waiting.commission_line_id
            AND changes.partner_id = waiting.partner_id
            AND changes.currency = waiting.currency
        """
    )
    duck.execute("DELETE FROM changes WHERE waiting <> 0 AND amount = 0")


def _measure_withheld(duck: duckdb.DuckDBPyConnection) -> None:
    """`withheld`: the movements that earn on what is held (`direction` 1) or take from it (-1), and `withheld_changes`.

    `wanted` is what of a movement's change that could be. The changes are those of these movements, line by line.
    """
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE withheld_changes AS
        WITH withheld AS (
            SELECT partner_id AS partner_now, currency, plan_id, movement_kind, movement_id,
                sum(withheld_amount) AS withheld
            FROM due
            WHERE withheld_amount <> 0
            GROUP BY ALL
        ),
        described AS (
            SELECT line_id AS commission_line_id, partner_id, partner_id AS partner_now, currency, plan_id,
                movement_kind, movement_id, withheld_amount
            FROM due
            WHERE movement_id IN (SELECT movement_id FROM withheld)
            UNION ALL
            SELECT commission_line_id, partner_id, partner_now, currency, plan_id, movement_kind, movement_id, 0
            FROM reversed
        )
        SELECT
            commission_line_id, partner_id, partner_now, currency, plan_id, movement_kind, movement_id,
            withheld_amount, withheld, changes.amount AS changed
        FROM changes
        INNER JOIN described USING (commission_line_id, partner_id, currency)
        INNER JOIN withheld USING (partner_now, currency, plan_id, movement_kind, movement_id)
        """
    )
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE withheld AS
        SELECT
            partner_now, currency, plan_id, movement_kind, movement_id,
            sign(any_value(withheld)) AS direction,
            greatest(least(abs(any_value(withheld)), direction * sum(changed)), 0) AS wanted
        FROM withheld_changes
        GROUP BY ALL
        """
    )


def _measure_unposted(duck: duckdb.DuckDBPyConnection) -> None:
    """`unposted`: what waits of each partner's plan from which something is taken, of held payments and on them.

    What a hold keeps as it was posted is not in `changes` any more.
    """
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE unposted AS
        WITH plans AS (
            SELECT DISTINCT partner_now, currency, plan_id FROM withheld WHERE direction = -1
        ),
        held AS (
            SELECT live.line_id, plans.*, live.movement_kind, live.movement_id, live.amount
            FROM live
            INNER JOIN plans
                ON live.partner_id = plans.partner_now
                AND live.currency = plans.currency AND live.plan_id = plans.plan_id
            WHERE live.untouched
        ),
        entitled_and_posted AS (
            SELECT partner_now, currency, plan_id, movement_kind, movement_id, amount FROM held
            UNION ALL
            SELECT partner_now, held.currency, plan_id, movement_kind, movement_id, -posted.amount
            FROM held
            INNER JOIN posted
                ON held.line_id = posted.commission_line_id
                AND held.partner_now = posted.partner_id AND held.currency = posted.currency
            UNION ALL
            SELECT partner_now, currency, plan_id, movement_kind, movement_id, -posted.amount
            FROM reversed
            INNER JOIN posted USING (commission_line_id, partner_id, currency)
            ANTI JOIN changes USING (commission_line_id, partner_id, currency)
            WHERE (partner_now, currency, plan_id, movement_kind, movement_id)
                IN (SELECT (partner_now, currency, plan_id, movement_kind, movement_id) FROM held)
        ),
        waiting AS (
            SELECT partner_now, currency, plan_id, greatest(sum(amount), 0) AS amount
            FROM entitled_and_posted
            GROUP BY partner_now, currency, plan_id, movement_kind, movement_id
            UNION ALL
            SELECT partner_now, currency, plan_id, wanted
            FROM withheld
            WHERE direction = 1
        )
        SELECT partner_now, currency, plan_id, sum(amount) AS amount
        FROM waiting
        GROUP BY ALL
        """
    )


def _make_lines(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`lines`: a first posting keeps the entitlement's id; an adjustment has its own and names what it corrects.

    So does a first posting for a movement that was posted before, as the slice of a tier that it was moved to later.
    """
    frozen = [name for name in LINE_COLUMNS if name not in _DECIDED]
    described = ", ".join(
        f"CASE WHEN decided.is_due THEN {_POSTED_BASE if name == 'base_amount' else f'due.{name}'} "
        f"ELSE was.{name} END AS {name}"
        for name in frozen
    )
    listed = typed_list(LINE_COLUMNS)
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE lines AS
        WITH ever_posted AS (
            SELECT DISTINCT commission_line_id FROM posted
        ),
        decided AS (
            SELECT
                changes.*,
                -- A line that moved to another partner or currency was posted before: it has no first posting left.
                changes.is_new AND ever_posted.commission_line_id IS NULL AS is_first
            FROM changes
            LEFT JOIN ever_posted USING (commission_line_id)
        ),
        -- A movement that was posted before and is priced anew, or whose partner was merged, may have lines that it did
        -- not have: they correct it.
        first_lines AS (
            SELECT due.line_id, due.component, due.movement_kind, due.movement_id, due.partner_id, due.currency
            FROM decided
            INNER JOIN due
                ON decided.commission_line_id = due.line_id
                AND decided.partner_id = due.partner_id AND decided.currency = due.currency
            WHERE decided.is_first AND due.corrects_line_id IS NULL
        ),
        posted_movements AS (
            SELECT live.component, live.movement_kind, live.movement_id, posted.partner_id, posted.currency,
                posted.commission_line_id
            FROM live
            INNER JOIN posted ON live.line_id = posted.commission_line_id
            WHERE live.movement_id IN (SELECT movement_id FROM first_lines)
            UNION ALL
            SELECT component, movement_kind, movement_id, partner_now, currency, commission_line_id
            FROM reversed
        ),
        revised AS (
            SELECT first_lines.line_id, posted_movements.commission_line_id
            FROM first_lines
            INNER JOIN posted_movements USING (movement_kind, movement_id, partner_id, currency)
            QUALIFY row_number() OVER (
                PARTITION BY first_lines.line_id
                ORDER BY first_lines.component = posted_movements.component DESC, posted_movements.commission_line_id
            ) = 1
        ),
        described AS (
            SELECT
                decided.commission_line_id,
                decided.partner_id,
                decided.currency,
                decided.amount,
                CASE
                    WHEN decided.is_first THEN decided.commission_line_id
                    ELSE {_ADJUSTMENT_ID.format(of="decided")}
                END AS line_id,
                CASE
                    WHEN decided.is_first THEN coalesce(due.corrects_line_id, revised.commission_line_id)
                    ELSE decided.commission_line_id
                END AS corrects_line_id,
                {described}
            FROM decided
            LEFT JOIN due
                ON decided.commission_line_id = due.line_id
                AND decided.partner_id = due.partner_id AND decided.currency = due.currency
            LEFT JOIN revised ON decided.commission_line_id = revised.line_id AND decided.is_first
            LEFT JOIN reversed AS was
                ON decided.commission_line_id = was.commission_line_id
                AND decided.partner_id = was.partner_id AND decided.currency = was.currency
        )
        SELECT {listed} FROM (SELECT *, {_PAYOUT_ID} AS payout_id FROM described)
        """,  # noqa: S608
        {"period": str(period)},
    )


def _move_balances_of_merged(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """Two lines for each partner that is another one now: its balance goes, and comes to the one that it is.

    Its lines are the other's now, and were reversed and posted there. What was paid to it before must count there too,
    else it would be paid twice: as much is left of its balance.
    """
    duck.execute(
        f"""
        INSERT INTO lines BY NAME
        WITH left_over AS (
            SELECT merged.line_id, merged.partner_id, merged.merged_into, known.currency, sum(known.amount) AS amount
            FROM (
                SELECT partner_id, currency, closing_balance AS amount FROM balances
                UNION ALL
                SELECT partner_id, currency, amount FROM lines
            ) AS known
            INNER JOIN merged USING (partner_id)
            GROUP BY ALL
            HAVING sum(known.amount) <> 0
        ),
        moved AS (
            SELECT line_id AS commission_line_id, partner_id AS movement_id, partner_id, currency, -amount AS amount
            FROM left_over
            UNION ALL
            SELECT line_id, partner_id, merged_into, currency, amount
            FROM left_over
        )
        SELECT
            {_ADJUSTMENT_ID.format(of="moved")} AS line_id,
            commission_line_id,
            {_PAYOUT_ID} AS payout_id,
            commission_line_id AS corrects_line_id,
            partner_id,
            'none' AS plan_id,
            'balance' AS component,
            'merger' AS movement_kind,
            movement_id,
            currency,
            amount,
            CAST($last_day AS DATE) AS earned_on,
            CAST($last_day AS DATE) AS payable_on
        FROM moved
        """,  # noqa: S608
        {"period": str(period), "last_day": period.last_day.isoformat()},
    )


_DECIDED = {
    "line_id",
    "commission_line_id",
    "payout_id",
    "partner_id",
    "currency",
    "amount",
    "corrects_line_id",
}
"""Columns of a line that the comparison decides; the others describe the entitlement, or what is reversed."""

_POSTED_BASE = """CASE
    WHEN decided.is_first AND decided.waiting * due.withheld_amount > 0
        THEN due.base_amount - 0.001 * CAST(
            sign(due.withheld_base_amount)
            * (
                CAST(abs(due.withheld_base_amount) * 1000 AS HUGEINT)
                * CAST(least(abs(decided.waiting), abs(due.withheld_amount)) * 1000 AS HUGEINT)
                // CAST(abs(due.withheld_amount) * 1000 AS HUGEINT)
            ) AS DECIMAL(18, 0)
        )
    ELSE due.base_amount
END"""
"""The base of a line of which a part waits is that of the rest, so that the derivation multiplies out."""

_ADJUSTMENT_ID = (
    "'ADJ-' || left(sha256(concat_ws(chr(31), $period, {of}.commission_line_id, {of}.partner_id, {of}.currency)), 32)"
)
"""Of the line by which a period changes what another line, of whichever partner, was posted with."""

_PAYOUT_ID = "'PO-' || $period || '-' || partner_id || '-' || currency"


def read_minimums(duck: duckdb.DuckDBPyConnection, plans: Path, periods: Sequence[Period]) -> None:
    """`minimums`: per month (its first day), partner and currency, the largest minimum among the plans of the lines.

    A plan's version that is in force on the month's last day decides; after its last version that one, before its
    first version that one. Of a plan that changed its currency, each currency has the versions in it: a minimum is
    never held against another money.

    Args:
        duck: Where `live`, the entitlement, is.
        plans: The directory of the plan files that say it.
        periods: The months.

    Raises:
        BadInputError: The plan file cannot be read.
    """
    path = plans / "commission_plans.csv"
    if not path.exists():
        raise BadInputError(f"{path.name}: not in {path.parent}; the smallest payout of each plan is declared there")
    try:
        duck.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE minimums AS
            WITH plans AS (
                SELECT
                    trim(plan_id) AS plan_id,
                    upper(trim(currency)) AS currency,
                    CAST(effective_from AS DATE) AS effective_from,
                    CAST(nullif(trim(min_payout), '') AS DECIMAL(18, 3)) AS min_payout
                FROM {AS_TEXT}
            ),
            months AS (
                SELECT unnest(CAST(? AS DATE[])) AS month
            ),
            in_force AS (
                SELECT months.month, plans.plan_id, plans.currency, plans.min_payout
                FROM months
                CROSS JOIN plans
                QUALIFY row_number() OVER (
                    PARTITION BY months.month, plans.plan_id, plans.currency
                    ORDER BY
                        CASE WHEN plans.effective_from <= last_day(months.month) THEN plans.effective_from END
                            DESC NULLS LAST,
                        plans.effective_from
                ) = 1
            ),
            enrolled AS (
                SELECT DISTINCT partner_id, currency, plan_id FROM live
            )
            SELECT
                in_force.month,
                enrolled.partner_id,
                enrolled.currency,
                max(coalesce(in_force.min_payout, 0)) AS min_payout
            FROM enrolled
            INNER JOIN in_force USING (plan_id, currency)
            GROUP BY ALL
            """,  # noqa: S608
            [str(path), [period.first_day for period in periods]],
        )
    except duckdb.Error as error:
        raise BadInputError(f"{path.name}: plan_id, effective_from or min_payout cannot be read ({error})") from error


def _make_payouts(duck: duckdb.DuckDBPyConnection, period: Period) -> None:
    """`payouts`: every partner and currency that has a line in the period, or carries a balance into it."""
    listed = typed_list(PAYOUT_COLUMNS)
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE payouts AS
        WITH changed AS (
            SELECT
                partner_id,
                currency,
                coalesce(sum(amount) FILTER (corrects_line_id IS NULL), 0) AS earned,
                coalesce(sum(amount) FILTER (corrects_line_id IS NOT NULL), 0) AS adjustments,
                count(*) AS line_count
            FROM lines
            GROUP BY ALL
        ),
        owners AS (
            SELECT partner_id, currency FROM changed
            UNION
            SELECT partner_id, currency FROM balances WHERE closing_balance <> 0
        ),
        totals AS (
            SELECT
                owners.partner_id,
                owners.currency,
                coalesce(balances.closing_balance, 0) AS opening_balance,
                coalesce(changed.earned, 0) AS earned,
                coalesce(changed.adjustments, 0) AS adjustments,
                coalesce(changed.line_count, 0) AS line_count,
                coalesce(minimums.min_payout, balances.min_payout, 0) AS min_payout
            FROM owners
            LEFT JOIN changed USING (partner_id, currency)
            LEFT JOIN balances USING (partner_id, currency)
            LEFT JOIN minimums USING (partner_id, currency)
        ),
        weighed AS (
            SELECT
                *,
                opening_balance + earned + adjustments AS balance,
                CASE WHEN balance > 0 AND balance >= min_payout THEN balance ELSE 0 END AS payable
            FROM totals
        ),
        carried AS (
            SELECT *, balance - payable AS closing_balance, {_PAYOUT_ID} AS payout_id FROM weighed
        )
        SELECT {listed} FROM carried
        """,  # noqa: S608
        {"period": str(period)},
    )
