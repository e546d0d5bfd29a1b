"""Ingests one object of one source, end to end: read its cursor, fetch, land, and only then move the cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import duckdb

from partner_warehouse.errors import BadInputError, BusyError
from partner_warehouse.extract.api import Window, ingest_api
from partner_warehouse.extract.connections import get_connection
from partner_warehouse.extract.events import Events
from partner_warehouse.extract.files import check_inbox, ingest_files
from partner_warehouse.extract.hubspot import HubSpot
from partner_warehouse.extract.salesforce import Salesforce
from partner_warehouse.extract.state import note_check
from partner_warehouse.extract.stripe import Stripe
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.store import LoadOutcome, connect
from partner_warehouse.settings import SOURCES, Settings

_CLIENTS: dict[str, type[Salesforce] | type[HubSpot] | type[Stripe]] = {
    "salesforce": Salesforce,
    "hubspot": HubSpot,
    "stripe": Stripe,
}

_PATIENCE = 900.0
"""Seconds that a window waits for another run of its object. The runs of a backfill stand in a queue."""


def objects(source: str) -> tuple[str, ...]:
    """The objects of a source that the installation pulls, in catalog order.

    Raises:
        BadInputError: No such source.
    """
    if source not in SOURCES:
        raise BadInputError(f"no source {source!r}: use one of {', '.join(SOURCES)}")
    return tuple(load_catalog(source).pulled)


def ingest(
    source: str,
    object_name: str,
    settings: Settings,
    *,
    connection: duckdb.DuckDBPyConnection | None = None,
    window: Window | None = None,
) -> LoadOutcome:
    """Fetch and land what is new of one object.

    Args:
        source: One of `settings.SOURCES`.
        object_name: One of `objects(source)`.
        settings: The installation.
        connection: A loading connection to reuse.
        window: Fetch this range once more instead, and leave the cursor alone.

    Returns:
        The counts; without a load id when there was nothing new.

    Raises:
        BadInputError: An unknown name, or files that cannot be taken.
        TransientError: The source failed in a way that passes.
        PermanentError: The source refused.
    """
    if object_name not in objects(source):
        raise BadInputError(f"source {source} has no object {object_name!r}: use one of {', '.join(objects(source))}")
    if source == "files":
        # A file has no instant that a window could hold: what lies in the inbox is taken, once.
        outcome = ingest_files(object_name, settings, connection=connection)
        note_check(settings, source, object_name)
        return outcome
    schema = load_catalog(source).objects[object_name]
    account = get_connection(f"{source}_default")
    if source == "events":
        with Events(account) as collector:
            outcome = collector.ingest(schema, settings, connection=connection, window=window)
        note_check(settings, source, object_name)
        return outcome
    with _CLIENTS[source](account) as client:
        return ingest_api(schema, settings, client, connection=connection, window=window)


def ingest_source(
    source: str,
    settings: Settings,
    *,
    only: Sequence[str] | None = None,
    workers: int = 4,
    window: Window | None = None,
) -> tuple[LoadOutcome, ...]:
    """Ingest the objects of a source, in parallel; an object that fails does not keep the others from landing.

    Args:
        source: One of `settings.SOURCES`.
        settings: The installation.
        only: Some of `objects(source)`; default: all.
        workers: Threads, each with a connection of its own.
        window: Fetch this range once more instead, and leave the cursors alone.

    Raises:
        PartnerWarehouseError: What `ingest` raises: the first fault, after all objects were tried.
    """
    names = tuple(only) if only is not None else objects(source)
    workers = min(workers, len(names))
    shares: list[Sequence[str]] = [names[offset::workers] for offset in range(workers)]
    outcomes: dict[str, LoadOutcome] = {}
    faults: dict[str, Exception] = {}

    def run(share: Sequence[str]) -> None:
        with connect(settings) as connection:
            for name in share:
                try:
                    outcomes[name] = patiently(
                        partial(ingest, source, name, settings, connection=connection, window=window),
                        _PATIENCE if window is not None else 0.0,
                    )
                except Exception as error:
                    faults[name] = error

    with ThreadPoolExecutor(workers, thread_name_prefix=f"ingest-{source}") as pool:
        for future in [pool.submit(run, share) for share in shares]:
            future.result()
    if only is None:
        try:
            check_source(source, settings)
        except BadInputError as error:
            faults["inbox"] = error
    _raise_first(faults)
    return tuple(outcomes[name] for name in names)


def check_source(source: str, settings: Settings) -> None:
    """Look at what concerns a source as a whole, after its objects: files that no object takes.

    Raises:
        BadInputError: There are some; the message names them.
    """
    if source == "files":
        check_inbox(settings)


def patiently(
    step: Callable[[], LoadOutcome], patience: float, *, sleep: Callable[[float], None] = time.sleep
) -> LoadOutcome:
    """Do a step; while another run holds the object, wait for it, for so many seconds at most.

    Raises:
        BusyError: It is held still.
    """
    waited, pause = 0.0, 0.5
    while True:
        try:
            return step()
        except BusyError:
            if waited + pause > patience:
                raise
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, 10.0)


def _raise_first(faults: dict[str, Exception]) -> None:
    """Raise bad input together, else the first fault."""
    if not faults:
        return
    if all(isinstance(fault, BadInputError) for fault in faults.values()):
        raise BadInputError("\n".join(str(fault) for fault in faults.values()))
    raise next(fault for fault in faults.values() if not isinstance(fault, BadInputError))
