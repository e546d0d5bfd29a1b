"""What if: replays changed plans over the real history, and says what each partner's months would have paid.

The warehouse is copied into a temporary home and only what hangs on the plans is built again there; nothing of the
installation is touched. Both sides are replayed with what is known now, month by month, with the carry and the
minimum that payouts have: so a difference comes from the plans alone, and not from what was late when it was paid, nor
from what is held since.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from partner_warehouse.errors import BadInputError
from partner_warehouse.ledger.drafting import read_minimums
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.plan_files import PlanFiles
from partner_warehouse.ledger.publication import literal
from partner_warehouse.plans.validation import validate
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse import completeness
from partner_warehouse.workplaces import workplace


@dataclass(frozen=True, slots=True)
class Difference:
    """One partner's month in one currency (major units), under the plans in force and under the changed ones.

    Attributes:
        earned: What becomes due in the month: the lines that are earned and payable by its end, without what is held
            under the plans in force.
        payable: What would be paid: the balance, once it reaches the minimum.
    """

    period: str
    partner_id: str
    currency: str
    current_earned: Decimal
    simulated_earned: Decimal
    earned_difference: Decimal
    current_payable: Decimal
    simulated_payable: Decimal
    payable_difference: Decimal


def simulate(
    plans: Path, first: Period, last: Period, settings: Settings, *, progress: Callable[[str], None]
) -> tuple[Difference, ...]:
    """Replay the history under other plans.

    Args:
        plans: A directory of plan files, as `PARTNER_WAREHOUSE_PLANS` takes it.
        first: The first month to show; earlier ones are replayed too, since they set tiers and balances.
        last: The last month to show.
        settings: The installation.
        progress: Told each step.

    Returns:
        A row per month, partner and currency that has anything due or paid on either side, in that order.

    Raises:
        BadInputError: The plans are wrong, the months are in the wrong order, or nothing was built yet to its end.
    """
    from partner_warehouse.warehouse import runner
    from partner_warehouse.warehouse.lock import exclusive

    if last < first:
        raise BadInputError(f"simulate: --from {first} is after --to {last}")
    if not plans.is_dir():
        raise BadInputError(f"simulate: {plans} is no directory; --plans takes a directory of plan files")
    if not settings.warehouse_path.exists():
        raise BadInputError("nothing is built yet: `partner-warehouse run` builds what a simulation starts from")
    with workplace(settings.home) as home:
        (home / "landing").symlink_to(settings.landing_dir, target_is_directory=True)
        changed = load_settings(**settings.model_dump() | {"home": home, "plans": plans})
        validate(changed)
        progress("copy the warehouse")
        changed.warehouse_path.parent.mkdir()
        with exclusive(settings):
            if not completeness.is_whole(settings):
                raise BadInputError(f"nothing to start a simulation from: {completeness.NOT_WHOLE}")
            shutil.copyfile(settings.warehouse_path, changed.warehouse_path)
            shutil.copyfile(completeness.parameters_path(settings), completeness.parameters_path(changed))
        with duckdb.connect() as duck:
            duck.execute("SET TimeZone = 'UTC'")
            files = PlanFiles(settings, _plans_hash(duck, changed))
            _read_lines(duck, changed.warehouse_path)
            _find_held(duck)
            _replay(duck, files.directory(), "current", last)
            progress("build what hangs on the plans")
            runner.rebuild_commissions(changed)
            _read_lines(duck, changed.warehouse_path)
            _replay(duck, plans, "simulated", last)
            return _compare(duck, first)


def _plans_hash(duck: duckdb.DuckDBPyConnection, settings: Settings) -> str:
    """SHA-256 of the plan files that a warehouse was built by."""
    parameters = str(completeness.parameters_path(settings))
    rows = duck.execute("SELECT plans_hash FROM read_parquet(?)", [parameters]).fetchall()
    return str(rows[0][0])


def _read_lines(duck: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """`live`: every line of a warehouse's `finance.commission_lines`."""
    # Its views name their tables in a database of this name.
    duck.execute(f"ATTACH {literal(str(warehouse))} AS warehouse (READ_ONLY)")
    try:
        duck.execute("CREATE OR REPLACE TEMP TABLE live AS FROM warehouse.finance.commission_lines")
    except duckdb.CatalogException as error:
        raise BadInputError("no commissions are built yet: `partner-warehouse run` builds them") from error
    finally:
        duck.execute("DETACH warehouse")


def _find_held(duck: duckdb.DuckDBPyConnection) -> None:
    """`movements`: a row per partner and movement of `live`, and whether all of it is held.

    Only a line with the very amount that was posted is posted, so under other plans a hold would reach it again.
    """
    duck.execute(
        """
        CREATE OR REPLACE TEMP TABLE movements AS
        SELECT partner_id, movement_kind, movement_id, bool_and(status = 'held') AS is_held
        FROM live
        WHERE amount IS NOT NULL
        GROUP BY ALL
        """
    )


def _replay(duck: duckdb.DuckDBPyConnection, plans: Path, side: str, last: Period) -> None:
    """A table named as the side: period, partner_id, currency, earned, payable; from the first line to the last month.

    Args:
        duck: Where the table is made, and where `live` and `movements` are.
        plans: The plan files that hold the minimums.
        side: The table's name.
        last: The last month that is replayed.
    """
    read_minimums(duck, plans, _months(duck, last))
    duck.execute(
        f"""
        CREATE TEMP TABLE {side} AS
        WITH RECURSIVE due AS (
            SELECT
                CAST(date_trunc('month', greatest(earned_on, payable_on)) AS DATE) AS month,
                partner_id,
                currency,
                sum(amount) AS earned
            FROM live
            LEFT JOIN movements USING (partner_id, movement_kind, movement_id)
            WHERE amount IS NOT NULL
                AND NOT coalesce(movements.is_held, status = 'held')
                AND greatest(earned_on, payable_on) <= $last_day
            GROUP BY ALL
        ),
        owners AS (
            SELECT partner_id, currency, min(month) AS month FROM due GROUP BY ALL
        ),
        balances AS (
            SELECT
                owners.month,
                owners.partner_id,
                owners.currency,
                CAST(due.earned AS DECIMAL(18, 3)) AS earned,
                CAST(due.earned AS DECIMAL(18, 3)) AS balance,
                coalesce(minimums.min_payout, 0) AS min_payout
            FROM owners
            INNER JOIN due USING (month, partner_id, currency)
            LEFT JOIN minimums USING (month, partner_id, currency)
            UNION ALL
            SELECT
                CAST(balances.month + INTERVAL 1 MONTH AS DATE) AS month,
                balances.partner_id,
                balances.currency,
                CAST(coalesce(due.earned, 0) AS DECIMAL(18, 3)) AS earned,
                CAST(
                    CASE
                        WHEN balances.balance > 0 AND balances.balance >= balances.min_payout THEN 0
                        ELSE balances.balance
                    END + coalesce(due.earned, 0) AS DECIMAL(18, 3)
                ) AS balance,
                coalesce(minimums.min_payout, 0) AS min_payout
            FROM balances
            LEFT JOIN due
                ON due.month = CAST(balances.month + INTERVAL 1 MONTH AS DATE)
                AND balances.partner_id = due.partner_id AND balances.currency = due.currency
            LEFT JOIN minimums
                ON minimums.month = CAST(balances.month + INTERVAL 1 MONTH AS DATE)
                AND balances.partner_id = minimums.partner_id AND balances.currency = minimums.currency
            WHERE balances.month + INTERVAL 1 MONTH <= $last_day
        )
        SELECT
            strftime(month, '%Y-%m') AS period,
            partner_id,
            currency,
            earned,
            CAST(CASE WHEN balance > 0 AND balance >= min_payout THEN balance ELSE 0 END AS DECIMAL(18, 3)) AS payable
        FROM balances
        """,  # noqa: S608 - the side is one of our two names
        {"last_day": last.last_day},
    )


def _months(duck: duckdb.DuckDBPyConnection, last: Period) -> list[Period]:
    """Every month from the first line of `live` to the last month."""
    found = duck.execute("SELECT min(greatest(earned_on, payable_on)) FROM live").fetchone()
    first = found[0] if found and found[0] else last.first_day
    months = [Period(first.year, first.month)]
    while months[-1] < last:
        months.append(months[-1].following)
    return months


def _compare(duck: duckdb.DuckDBPyConnection, first: Period) -> tuple[Difference, ...]:
    rows = duck.execute(
        """
        WITH paired AS (
            SELECT
                period,
                partner_id,
                currency,
                coalesce(current.earned, 0) AS current_earned,
                coalesce(simulated.earned, 0) AS simulated_earned,
                coalesce(current.payable, 0) AS current_payable,
                coalesce(simulated.payable, 0) AS simulated_payable
            FROM current
            FULL JOIN simulated USING (period, partner_id, currency)
        )
        SELECT
            period,
            partner_id,
            currency,
            current_earned,
            simulated_earned,
            CAST(simulated_earned - current_earned AS DECIMAL(18, 3)),
            current_payable,
            simulated_payable,
            CAST(simulated_payable - current_payable AS DECIMAL(18, 3))
        FROM paired
        WHERE period >= $first
            AND (current_earned <> 0 OR simulated_earned <> 0 OR current_payable <> 0 OR simulated_payable <> 0)
        ORDER BY period, partner_id, currency
        """,
        {"first": str(first)},
    ).fetchall()
    return tuple(Difference(*row) for row in rows)
