"""The steps of the main job, in order. The DAGs run them as tasks, the command line runs them in one process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from partner_warehouse.settings import Settings

if TYPE_CHECKING:
    from partner_warehouse.ledger.payouts import PayoutState

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]
"""Told the name of each step as it begins."""


def _silent(_: str) -> None:
    """No progress wanted."""


def run(settings: Settings, *, as_of: datetime | None = None, progress: Progress = _silent) -> None:
    """Ingest what is configured, build, hold the gates, publish.

    Args:
        settings: The installation; `settings.sources` says what is ingested.
        as_of: The instant to compute for; default `settings.as_of`, else now.
        progress: Told each step.

    Raises:
        BadInputError: A file or plan is wrong. What could be landed was landed; nothing was published.
        GateFailedError: A gate failed; the last good publication stands.
    """
    ingest(settings, progress=progress)
    build(settings, as_of=as_of, progress=progress)


def ingest(settings: Settings, *, progress: Progress = _silent) -> None:
    """Land what is new in each configured source.

    Every source is tried, so that one broken file does not keep the others out; the first fault is raised at the end.
    """
    from partner_warehouse.errors import PartnerWarehouseError
    from partner_warehouse.extract.ingest import ingest_source

    faults: list[PartnerWarehouseError] = []
    for source in settings.sources:
        progress(f"ingest {source}")
        try:
            ingest_source(source, settings)
        except PartnerWarehouseError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def build(settings: Settings, *, as_of: datetime | None = None, progress: Progress = _silent) -> None:
    """From landing to publication."""
    from partner_warehouse.publish.snapshot import publish
    from partner_warehouse.quality.gates import check
    from partner_warehouse.warehouse import runner

    progress("prepare")
    prepare(settings, as_of=as_of)
    progress("gate landing")
    check("landing", settings)
    for layer in runner.LAYERS:
        progress(f"build {layer}")
        runner.build(layer, settings)
        progress(f"gate {layer}")
        check(layer, settings)
    progress("publish")
    publish(settings)
    serve(settings, progress=progress)


def serve(settings: Settings, *, progress: Progress = _silent) -> None:
    """Load the publication into the PostgreSQL that serves BI, where one is configured.

    It needs the published file only. Repeated, it serves the same.
    """
    if not settings.serving_url:
        return
    from partner_warehouse.publish import serving

    progress("serve")
    serving.load(settings)


def prepare(settings: Settings, *, as_of: datetime | None = None) -> datetime:
    """Fix what the build computes for, and bring the ledger's postings to where dbt reads them.

    Objects that are not fresh are told in the log: the build goes on with what there is.

    Returns:
        The instant computed for, UTC.
    """
    from partner_warehouse.extract.freshness import stale
    from partner_warehouse.ledger.landing import land_ledger
    from partner_warehouse.warehouse import runner
    from partner_warehouse.warehouse.lock import exclusive

    for sentence in stale(settings):
        logger.warning(sentence)
    # Not while another build reads what is landed of the ledger: some models would see it and some not.
    with exclusive(settings):
        land_ledger(settings)
    return runner.prepare(settings, as_of=as_of)


def after_posting(settings: Settings, *, progress: Progress = _silent) -> str | None:
    """Bring what was posted back into the marts and publish it; nothing else is recomputed.

    A warehouse that is being built, or whose last build did not end well, is not touched and nothing of it published:
    what was posted is landed, and the next build takes it along. No step of a build comes in between.

    Returns:
        Why nothing was published; None where it was.

    Raises:
        GateFailedError: With what was posted the marts broke an expectation; the last good publication stands.
    """
    from partner_warehouse.ledger.landing import land_ledger
    from partner_warehouse.publish.snapshot import publish
    from partner_warehouse.quality.gates import check
    from partner_warehouse.warehouse import completeness, runner
    from partner_warehouse.warehouse.lock import exclusive

    with exclusive(settings):
        progress("land ledger")
        land_ledger(settings)
        if not completeness.is_built(settings):
            return completeness.NOT_WHOLE
        progress("build ledger")
        runner.build("ledger", settings)
        progress("gate marts")
        check("marts", settings)
        progress("publish")
        publish(settings)
    return None


def publishes(settings: Settings, state: PayoutState) -> bool:
    """Whether a posted period stands in the publication as it does in the ledger; one without payouts always does.

    Args:
        settings: The installation.
        state: Of the period, in the ledger.
    """
    import duckdb

    if not settings.published_path.exists():
        return False
    if not state.payout_count:
        return True
    with duckdb.connect(str(settings.published_path), read_only=True) as published:
        found = published.execute(
            "SELECT 1 FROM finance.approved_payouts WHERE period = ? AND status = ? LIMIT 1",
            [state.period, state.status],
        )
        return found.fetchone() is not None
