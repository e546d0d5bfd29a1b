"""What the main job prints at the end, read from the publication as any consumer would read it."""

from __future__ import annotations

from decimal import Decimal

import duckdb
from rich.console import Console
from rich.table import Table

from partner_warehouse.exports.currencies import money
from partner_warehouse.ledger.events import CLOSED
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.settings import Settings

_KPIS = """
select kpi_code, value, target, status, basis_count
from kpi.monthly
where month = ?::date and dimension = 'all'
order by kpi_code
"""

_PARTNERS = """
select scorecard.partner_id, dim_partner.name, dim_partner.partner_type, scorecard.tier, scorecard.revenue,
    scorecard.quality_score
from partners.scorecard_monthly as scorecard
join partners.dim_partner using (partner_id)
where scorecard.month = ?::date
order by scorecard.revenue desc, scorecard.partner_id
limit 10
"""

_PAYOUTS = """
select period, currency, count(*) as payouts, sum(payable) as payable, any_value(approved_by) as approved_by
from finance.approved_payouts
group by all
order by period desc, currency
limit 16
"""

_QUARANTINE = """
select source, object, field, reason, count(distinct (load_id, line, record_key)) as records
from ops.quarantine
group by all
order by records desc, source, object, field, reason
limit 12
"""


def show(console: Console, settings: Settings, *, month: str) -> None:
    """Print the KPIs and partners of a month, the newest payouts, what waits, and what was set aside.

    Args:
        console: Where to.
        settings: The installation.
        month: `YYYY-MM`.
    """
    with duckdb.connect(str(settings.published_path), read_only=True) as marts:
        console.print(_kpis(marts, month))
        console.print(_partners(marts, month))
        console.print(_payouts(marts))
        console.print(_quarantine(marts))
    for state in PayoutService(settings).states():
        if state.status not in CLOSED:
            totals = ", ".join(f"{money(total.payable, total.currency)} {total.currency}" for total in state.totals)
            console.print(f"[bold]{state.period}[/bold] is {state.status}: {state.payout_count} payouts, {totals}")


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _kpis(marts: duckdb.DuckDBPyConnection, month: str) -> Table:
    table = _table(f"KPIs of {month}", "KPI", "value", "target", "status", "from", right=("value", "target", "from"))
    for code, value, target, status, basis in marts.execute(_KPIS, [f"{month}-01"]).fetchall():
        style = {"on_target": "green", "off_target": "yellow"}.get(status, "dim")
        table.add_row(code, _number(value), _number(target), f"[{style}]{status}[/{style}]", str(basis))
    return table


def _partners(marts: duckdb.DuckDBPyConnection, month: str) -> Table:
    names = ("partner", "name", "type", "tier", "revenue", "quality")
    table = _table(f"Top partners of {month}", *names, right=("revenue", "quality"))
    for partner_id, name, partner_type, tier, revenue, quality in marts.execute(_PARTNERS, [f"{month}-01"]).fetchall():
        table.add_row(partner_id, name, partner_type, tier, _number(revenue), _number(quality))
    return table


def _payouts(marts: duckdb.DuckDBPyConnection) -> Table:
    table = _table(
        "Posted payouts", "period", "currency", "payouts", "payable", "approved by", right=("payouts", "payable")
    )
    for period, currency, payouts, payable, approved_by in marts.execute(_PAYOUTS).fetchall():
        table.add_row(str(period), currency, str(payouts), money(payable, currency), approved_by)
    return table


def _quarantine(marts: duckdb.DuckDBPyConnection) -> Table:
    table = _table("Set aside", "source", "object", "field", "reason", "records", right=("records",))
    for source, name, field, reason, records in marts.execute(_QUARANTINE).fetchall():
        table.add_row(source, name, field, reason, str(records))
    return table


def _number(value: Decimal | float | None) -> str:
    """Grouped, without more decimals than say something; "-" for what is not known."""
    return "-" if value is None else f"{value:,.2f}".removesuffix(".00")
