"""Directories for what a command needs only while it runs: below `HOME/tmp`, where a command finds what others left.

Who works in one holds the lock of a file in it, which the kernel lets go of when a process dies: a directory whose lock
is free is a dead command's, and the next one that makes its own removes it.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "work-"
_OWNER = ".owner"


@contextmanager
def workplace(home: Path) -> Iterator[Path]:
    """A new directory, removed at the end, or by the next command where this one is killed.

    Args:
        home: Of the installation.
    """
    place = home / "tmp"
    place.mkdir(parents=True, exist_ok=True)
    # One command at a time looks around: it would take a directory whose lock is not taken yet for a dead one's.
    with (place / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for other in place.glob(f"{_PREFIX}*"):
            _remove_if_left(other)
        work = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place)
        owner = (Path(work.name) / _OWNER).open("w")
        fcntl.flock(owner, fcntl.LOCK_EX)
    with owner, work:
        yield Path(work.name)


def _remove_if_left(directory: Path) -> None:
    try:
        with (directory / _OWNER).open("r+") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    except FileNotFoundError:
        # Killed before it was there, or while all was removed; or that goes on, and two can do it.
        shutil.rmtree(directory, ignore_errors=True)
    except OSError:
        return  # somebody works in it
