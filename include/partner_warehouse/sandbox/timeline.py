"""Records as they change over time, so that a source can be shown as it stood at any instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Record = dict[str, Any]


@dataclass(slots=True)
class Version:
    """What a record looked like from an instant on; a record of None is gone without a trace (a hard deletion)."""

    visible_at: datetime
    record: Record | None
    event: str | None = None


class Timeline:
    """All versions of all records of one object of one source, in the order in which the records were created."""

    def __init__(self) -> None:
        self._versions: dict[str, list[Version]] = {}

    def put(self, key: str, visible_at: datetime, record: Record | None, event: str | None = None) -> None:
        """Add the next version of a record.

        Args:
            key: The record's id.
            visible_at: The instant (UTC) from which a reader gets this version; not before the version it follows.
            record: The whole record as the source delivers it, or None for a hard deletion.
            event: The name of the event that announces the change, where the source has events.
        """
        versions = self._versions.setdefault(key, [])
        if versions and versions[-1].visible_at > visible_at:
            raise ValueError(f"version of {key} at {visible_at} is older than the one it follows")
        versions.append(Version(visible_at, record, event))

    def keys(self) -> list[str]:
        """Ids of all records, in order of creation."""
        return list(self._versions)

    def latest(self, key: str) -> Record:
        """The newest version of a record that still exists."""
        record = self._versions[key][-1].record
        if record is None:
            raise KeyError(key)
        return record

    def last_change(self, key: str) -> datetime:
        """When the newest version of a record became visible."""
        return self._versions[key][-1].visible_at

    def as_of(self, now: datetime) -> list[Record]:
        """The records as they stood at `now`."""
        found = []
        for versions in self._versions.values():
            current = None
            for version in versions:
                if version.visible_at > now:
                    break
                current = version
            if current is not None and current.record is not None:
                found.append(current.record)
        return found

    def versions(self) -> Iterator[tuple[str, Version]]:
        """Every version of every record."""
        for key, versions in self._versions.items():
            for version in versions:
                yield key, version

    def __len__(self) -> int:
        return len(self._versions)
