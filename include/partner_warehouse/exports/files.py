"""Files that are whole or not there: written aside, synced, and given their name by one rename."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_if_there(path: Path) -> bytes | None:
    """A file's content; None where there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def make_private(directory: Path) -> None:
    """Make a directory of what finance exports, which only its owner may enter."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


def staged(target: Path) -> Path:
    """Where a file lies until it gets its name."""
    return target.with_name(f".{target.name}.tmp")


def stage(target: Path, content: bytes) -> None:
    """Write a file aside, durable. Only its owner may read it: what finance exports holds names and amounts."""
    descriptor = os.open(staged(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Wait until nobody else is between staging and releasing below a directory: both use the same names."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def release(target: Path) -> None:
    """Give a staged file its name."""
    os.replace(staged(target), target)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
