"""Computes an approved period again, from the landed data as it was known at its cut-off.

The warehouse is built afresh in a temporary home that sees the same landing; nothing of the installation is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from partner_warehouse.ledger.content import Differences
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.ledger.publication import literal
from partner_warehouse.plans.files import write_copy
from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.workplaces import workplace


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came out.

    Attributes:
        same: Every line and payout is what was approved: the content hash is the same.
        differing: The columns of payouts and lines that are not what was approved: all counted, the first ones named.
    """

    period: str
    same: bool
    line_count: int
    differing: Differences


def reproduce(period: str, settings: Settings, *, progress: Callable[[str], None]) -> Reproduction:
    """Build as of the cut-off and compare.

    Args:
        period: `YYYY-MM`, approved.
        settings: The installation.
        progress: Told each step.

    Raises:
        BadInputError: The period is not approved.
    """
    from partner_warehouse.warehouse import runner

    service = PayoutService(settings)
    as_of, known_at = service.cut_off(period)
    with workplace(settings.home) as home:
        (home / "landing").symlink_to(settings.landing_dir, target_is_directory=True)
        own = {"home": home, "ledger_url": settings.ledger_sqlalchemy_url, **_pinned(service, period, home / "plans")}
        apart = load_settings(**settings.model_dump() | own)
        progress(f"prepare {period} as known at {known_at:%Y-%m-%d %H:%M:%S} UTC")
        runner.prepare(apart, as_of=as_of, known_at=known_at)
        progress("build the entitlement")
        runner.build_entitlement(apart)
        progress("compare")
        published = home / "published.duckdb"
        _take_entitlement(apart.warehouse_path, published)
        found, approval, differing = PayoutService(apart).recompute(period, published)
    return Reproduction(period, found.content_hash == approval.content_hash, found.line_count, differing)


def _pinned(service: PayoutService, period: str, plans: Path) -> dict[str, Any]:
    """The settings that the draft was computed by, its plan files laid out in a directory."""
    found = service.pins(period)
    if found is None:
        return {}
    pins, content = found
    write_copy(content, plans)
    return {
        "plans": plans,
        "timezone": pins.timezone,
        "reporting_currency": pins.reporting_currency,
        "fx_lookback_days": pins.fx_lookback_days,
    }


def _take_entitlement(warehouse: Path, target: Path) -> None:
    """The tables that a draft reads."""
    with duckdb.connect(str(target)) as duck:
        duck.execute(f"ATTACH {literal(str(warehouse))} AS warehouse (READ_ONLY)")
        duck.execute("CREATE SCHEMA finance")
        for table in ("commission_lines", "merged_partners"):
            duck.execute(f"CREATE TABLE finance.{table} AS FROM warehouse.finance.{table}")
        duck.execute("DETACH warehouse")
