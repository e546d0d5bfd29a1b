"""One process at a time opens the warehouse file: DuckDB refuses a second one beside a writer."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from partner_warehouse.settings import Settings


@contextmanager
def exclusive(settings: Settings) -> Iterator[int]:
    """Wait for the warehouse file and hold it.

    Airflow's pool of one slot serialises the DAGs; this serialises the command line with them. The kernel releases the
    lock of a process that dies.

    Yields:
        The lock's file descriptor. A child that is given it holds the lock too, until it has ended as well.
    """
    path = settings.warehouse_path.parent / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()
