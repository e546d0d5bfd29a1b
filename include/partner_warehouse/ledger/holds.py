"""What holds keep out of a draft: of the differences to what was posted, those that wait for a hold's end.

`finance.accruals` has the same rules; docs/payouts.md says them in words.
"""

from __future__ import annotations

import duckdb
from sqlalchemy import Connection

from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.postings import read_first_postings

TAKES_BACK = "(corrects_line_id IS NOT NULL OR movement_kind NOT IN ('payment', 'deal'))"
"""Over lines of the entitlement: whether one is of a loss, and takes from what another movement earned."""


_APART = "(component = 'cap' AND movement_kind NOT IN ('payment', 'deal'))"
"""Over lines, also posted ones: whether one is of the room that a loss makes below a cap, which waits by itself."""


def keep_back(duck: duckdb.DuckDBPyConnection, connection: Connection, period: Period) -> None:
    """Take out of `changes` what waits; `waiting` is what of a change that is left does.

    Args:
        duck: Where `live`, `due`, `posted`, `reversed` and `changes` are.
        connection: To the ledger.
        period: What is drafted.
    """
    _keep_slices_of_untouched(duck)
    _keep_losses_of_untouched(duck, connection, period)
    _withhold(duck)


def _keep_slices_of_untouched(duck: duckdb.DuckDBPyConnection) -> None:
    """What was posted for a movement stands while its line is held or without an amount, under whichever id.

    A line without a rate of exchange is in no tier, and one that is held may be in another tier or version of the plan
    than it was posted in: its id, which names them, is not the posted one's. Nor is that of a line whose partner was
    merged into another one. A line that the partner still has under its id is decided by itself.
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
    read_first_postings(duck, connection, period, [row[0] for row in unknown], "corrected")
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
                WHERE {TAKES_BACK}
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
    posted already stands. What is taken is left out up to what waits of the partner's plan and period: the rest was
    posted, and a hold keeps no loss of that. The room that a loss makes below a cap for what is held waits apart, since
    what is lost does not.
    """
    _measure_withheld(duck)
    _measure_unposted(duck)
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE waiting AS
        WITH allowed AS (
            SELECT
                partner_now, currency, plan_id, movement_kind, movement_id, is_apart, direction,
                CASE
                    WHEN direction = 1 THEN wanted
                    ELSE greatest(least(wanted, coalesce(unposted.amount, 0) + wanted - sum(wanted) OVER so_far), 0)
                END AS waits
            FROM withheld
            LEFT JOIN unposted USING (partner_now, currency, plan_id, withheld_period)
            WINDOW so_far AS (
                PARTITION BY partner_now, currency, plan_id, withheld_period, direction
                ORDER BY movement_id, movement_kind
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        ),
        measured AS (
            SELECT *, greatest(direction * changed, 0) AS amount,
                greatest(least(direction * withheld_amount, direction * changed), 0) AS own
            FROM withheld_changes
            INNER JOIN allowed USING (partner_now, currency, plan_id, movement_kind, movement_id, is_apart)
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
                PARTITION BY partner_now, currency, plan_id, movement_kind, movement_id, is_apart
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
        f"""
        CREATE OR REPLACE TEMP TABLE withheld_changes AS
        WITH withheld AS (
            SELECT partner_id AS partner_now, currency, plan_id, movement_kind, movement_id, {_APART} AS is_apart,
                min(withheld_period) AS withheld_period, sum(withheld_amount) AS withheld
            FROM due
            WHERE withheld_amount <> 0
            GROUP BY ALL
        ),
        described AS (
            SELECT line_id AS commission_line_id, partner_id, partner_id AS partner_now, currency, plan_id,
                movement_kind, movement_id, {_APART} AS is_apart, withheld_amount
            FROM due
            WHERE movement_id IN (SELECT movement_id FROM withheld)
            UNION ALL
            SELECT commission_line_id, partner_id, partner_now, currency, plan_id, movement_kind, movement_id,
                {_APART} AS is_apart, 0
            FROM reversed
        )
        SELECT
            commission_line_id, partner_id, partner_now, currency, plan_id, movement_kind, movement_id, is_apart,
            withheld_period, withheld_amount, withheld, changes.amount AS changed
        FROM changes
        INNER JOIN described USING (commission_line_id, partner_id, currency)
        INNER JOIN withheld USING (partner_now, currency, plan_id, movement_kind, movement_id, is_apart)
        """  # noqa: S608
    )
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE withheld AS
        SELECT
            partner_now, currency, plan_id, withheld_period, movement_kind, movement_id, is_apart,
            sign(any_value(withheld)) AS direction,
            greatest(least(abs(any_value(withheld)), direction * sum(changed)), 0) AS wanted
        FROM withheld_changes
        GROUP BY ALL
        """
    )


def _measure_unposted(duck: duckdb.DuckDBPyConnection) -> None:
    """`unposted`: what waits of each partner's plan and period from which something is taken.

    Of held payments and on them, and of the room below a cap that is made for them. What a hold keeps as it was posted
    is not in `changes` any more.
    """
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE unposted AS
        WITH plans AS (
            SELECT DISTINCT partner_now, currency, plan_id, withheld_period FROM withheld WHERE direction = -1
        ),
        held AS (
            SELECT live.line_id, plans.*, live.movement_kind, live.movement_id, live.amount
            FROM live
            INNER JOIN plans
                ON live.partner_id = plans.partner_now AND live.currency = plans.currency
                AND live.plan_id = plans.plan_id AND live.withheld_period = plans.withheld_period
            WHERE live.untouched
        ),
        held_movements AS (
            SELECT DISTINCT partner_now, currency, plan_id, withheld_period, movement_kind, movement_id FROM held
        ),
        entitled_and_posted AS (
            SELECT * EXCLUDE (line_id) FROM held
            UNION ALL
            SELECT held.* EXCLUDE (line_id) REPLACE (-posted.amount AS amount)
            FROM held
            INNER JOIN posted
                ON held.line_id = posted.commission_line_id
                AND held.partner_now = posted.partner_id AND held.currency = posted.currency
            UNION ALL
            SELECT held_movements.*, -posted.amount
            FROM held_movements
            INNER JOIN reversed USING (partner_now, currency, plan_id, movement_kind, movement_id)
            INNER JOIN posted
                ON reversed.commission_line_id = posted.commission_line_id
                AND reversed.partner_id = posted.partner_id AND reversed.currency = posted.currency
            ANTI JOIN changes
                ON reversed.commission_line_id = changes.commission_line_id
                AND reversed.partner_id = changes.partner_id AND reversed.currency = changes.currency
        ),
        waiting AS (
            SELECT partner_now, currency, plan_id, withheld_period, greatest(sum(amount), 0) AS amount
            FROM entitled_and_posted
            GROUP BY partner_now, currency, plan_id, withheld_period, movement_kind, movement_id
            UNION ALL
            SELECT partner_now, currency, plan_id, withheld_period, wanted
            FROM withheld
            WHERE direction = 1
        )
        SELECT partner_now, currency, plan_id, withheld_period, sum(amount) AS amount
        FROM waiting
        GROUP BY ALL
        """
    )
