"""One process at a time opens the warehouse file: DuckDB refuses a second one beside a writer."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from partner_warehouse.settings import Settings

_HELD: ContextVar[Mapping[Path, int]] = ContextVar("held")


@contextmanager
def exclusive(settings: Settings) -> Iterator[int]:
    """Wait for the warehouse file and hold it. Who holds it already goes on holding it: steps that are one are nested.

    Airflow's pool of one slot serialises the DAGs; this serialises the command line with them. The kernel releases the
    lock of a process that dies.

    Yields:
        The lock's file descriptor. A child that is given it holds the lock too, until it has ended as well.
    """
    path = settings.warehouse_path.parent / ".lock"
    held = _HELD.get({})
    if path in held:
        yield held[path]
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        token = _HELD.set({**held, path: handle.fileno()})
        try:
            yield handle.fileno()
        finally:
            _HELD.reset(token)
