"""What the API extractors share: the spool, the overlap, and the order of steps that loses nothing.

An extractor asks for everything from its cursor less an overlap, because sources make records visible later than their
stamps say. What that re-reads is known by content and not landed again. The cursor moves when the load is visible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb

from partner_warehouse.errors import BadInputError
from partner_warehouse.extract.raw_json import one_line, whole_characters
from partner_warehouse.extract.state import note_check, read_cursor, read_state, write_state
from partner_warehouse.landing.catalog import ObjectSchema
from partner_warehouse.landing.store import LoadOutcome, ReceivedFile, exclusive, land
from partner_warehouse.settings import Settings

OVERLAP = timedelta(hours=1)
"""How far before the cursor an extraction starts: a source's long transactions and its lagging search index."""

_REMEMBERED = 50_000
"""How many records of the overlap are known by content; with more, the overlap is landed again, which does no harm."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an extraction came to.

    Attributes:
        cursor_to: Where the next one starts, in the source's notation; None leaves it where it was.
        remember: What the source wants to find again in its state.
        warnings: What a person should look at.
        is_snapshot: The records stand for the whole object, so none of them is left out for being known.
        missing: Declared fields that the source does not have, or may not show; they stay empty.
    """

    cursor_to: str | None
    remember: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_snapshot: bool = False
    missing: tuple[str, ...] = ()


class Spool:
    """The records of one extraction, a line each, in the order of arrival."""

    def __init__(self, path: Path, known: frozenset[str]) -> None:
        self._file = path.open("wb")
        self._path = path
        self._known = known
        self._digest = hashlib.sha256()
        self._size = 0
        self.records = 0
        self.marks: dict[str, datetime | None] = {}

    def write(self, raw: str, stamp: datetime | None = None, *, again: bool = False) -> None:
        """Add a record, unless it was landed before as it is.

        Args:
            raw: Its JSON text as received.
            stamp: When it was modified, if it says so.
            again: Add it in any case.
        """
        self.keep(raw, stamp)
        if self.knows(raw) and not again:
            return
        line = whole_characters(one_line(raw)).encode() + b"\n"
        self._file.write(line)
        self._digest.update(line)
        self._size += len(line)
        self.records += 1

    def keep(self, raw: str, stamp: datetime | None) -> None:
        """Go on knowing a record, without adding it."""
        self.marks[self.mark(raw)] = stamp

    def knows(self, raw: str) -> bool:
        """Whether a record was landed before as it is."""
        return self.mark(raw) in self._known

    @staticmethod
    def mark(raw: str) -> str:
        """A record's content, as it is remembered."""
        return hashlib.blake2b(raw.encode(), digest_size=12).hexdigest()

    def close(self, name: str) -> ReceivedFile:
        """End the spool; it is known by the given name from here on."""
        self._file.close()
        return ReceivedFile(self._path, name, self._digest.hexdigest(), self._size, records=self.records)


@dataclass(frozen=True, slots=True)
class Window:
    """A range that is fetched once more, `[since, until)`, whatever the cursor says; it leaves the cursor alone."""

    since: datetime
    until: datetime

    @classmethod
    def parse(cls, since: str | None, until: str | None) -> Window:
        """A window as people write it: two instants, ISO 8601 with an offset.

        Raises:
            BadInputError: It is none.
        """
        low, high = parse_instant(since), parse_instant(until)
        if low is None or high is None or low >= high:
            raise BadInputError(
                f"no range from {since} until {until}: give both, with an offset, as in since 2026-03-01T00:00:00Z, "
                "until 2026-04-01T00:00:00Z"
            )
        return cls(low, high)


class Client(Protocol):
    """What an API source's client does for `ingest_api`."""

    def fetch(
        self,
        schema: ObjectSchema,
        cursor: str | None,
        state: Mapping[str, Any],
        spool: Spool,
        *,
        until: datetime | None = None,
    ) -> Fetched:
        """Fetch an object's records from a cursor on into a spool.

        Args:
            schema: The declared object.
            cursor: Where to start; None for everything.
            state: What it remembered last time.
            spool: Where to put the records.
            until: Leave out what was modified at or after this instant, where the source can tell.
        """
        ...

    def ids(self, schema: ObjectSchema) -> Iterator[str] | None:
        """The id of every record that the source has now and that is not deleted, to find those that were missed.

        None where a comparison says nothing: every run fetches the whole object, or its records never go.
        """
        ...

    def records(self, schema: ObjectSchema, keys: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
        """The records of some ids as they are now (JSON text), with their stamps, without those that are gone."""
        ...

    def tombstone(self, schema: ObjectSchema, key: str, at: datetime) -> str:
        """The record, as JSON text, that says a key was found to be gone at an instant (UTC)."""
        ...


def ingest_api(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    *,
    connection: duckdb.DuckDBPyConnection | None = None,
    overlap: timedelta = OVERLAP,
    window: Window | None = None,
) -> LoadOutcome:
    """Fetch an object's new records, or those of a window, and land them as one load.

    Raises:
        TransientError: The source failed in a way that passes; nothing was landed.
        PermanentError: The source refused; nothing was landed.
    """
    source, name = schema.source, schema.name
    with exclusive(settings, source, name) as directory:
        if window is not None:
            return _ingest_window(schema, settings, client, window, directory, connection=connection)
        state = read_state(settings, source, name)
        cursor = read_cursor(settings, source, name)
        spool = Spool(directory / "records.ndjson", frozenset(state.get("seen", ())))
        fetched = client.fetch(schema, cursor, state.get("remember", {}), spool)
        received = spool.close(name)
        cursor_to = fetched.cursor_to if fetched.cursor_to is not None else cursor
        outcome = LoadOutcome(source, name, cursor_to=cursor_to, warnings=fetched.warnings)
        if spool.records:
            outcome += land(
                schema,
                [received],
                settings,
                connection=connection,
                cursor_from=cursor,
                cursor_to=cursor_to,
                missing=fetched.missing,
                warnings=fetched.warnings,
            )
        if spool.records or cursor_to != cursor:
            seen = [] if fetched.is_snapshot else _overlap_of(spool.marks, cursor_to, overlap)
            load = outcome.load_ids[-1] if outcome.is_new else state.get("load")
            document = {"cursor": cursor_to, "load": load, "seen": seen, "remember": dict(fetched.remember)}
            if "reconciled_at" in state:
                document["reconciled_at"] = state["reconciled_at"]
            write_state(settings, source, name, document)
        # It needs what is above: imported here, because the two know each other.
        from partner_warehouse.extract.reconcile import reconcile

        outcome += reconcile(schema, settings, client, directory, connection=connection)
        note_check(settings, source, name)
        return outcome


def _ingest_window(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    window: Window,
    directory: Path,
    *,
    connection: duckdb.DuckDBPyConnection | None,
) -> LoadOutcome:
    """Fetch a window and land it without a cursor: the next ordinary run goes on from where the last one ended."""
    spool = Spool(directory / "records.ndjson", frozenset())
    # The clients go back by an overlap from a cursor; a window may begin earlier than asked, never later.
    fetched = client.fetch(schema, instant_text(window.since), {}, spool, until=window.until)
    received = spool.close(schema.name)
    outcome = LoadOutcome(schema.source, schema.name, warnings=fetched.warnings)
    if not spool.records:
        return outcome
    return outcome + land(
        schema, [received], settings, connection=connection, missing=fetched.missing, warnings=fetched.warnings
    )


def _overlap_of(marks: Mapping[str, datetime | None], cursor: str | None, overlap: timedelta) -> list[str]:
    """The records that the next extraction reads again; those without a stamp may be among them."""
    start = parse_instant(cursor)
    low = start - overlap if start is not None else None
    kept = [mark for mark, stamp in marks.items() if low is None or stamp is None or stamp >= low]
    return sorted(kept) if len(kept) <= _REMEMBERED else []


def parse_instant(text: object) -> datetime | None:
    """An instant with an offset, in UTC; None for what is not one."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo is not None else None


def instant_text(instant: datetime) -> str:
    """ISO 8601 in UTC to the microsecond: the notation of cursors."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Newest:
    """The newest stamp of what was received: the next cursor.

    It never goes beyond the present: one record stamped in the future would hide all that come before it.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._limit = clock()
        self._newest: datetime | None = None

    def see(self, stamp: datetime | None) -> datetime | None:
        """Take a stamp into account, and give it back."""
        if stamp is not None:
            bounded = min(stamp, self._limit)
            self._newest = bounded if self._newest is None else max(self._newest, bounded)
        return stamp

    def after(self, cursor: str | None) -> str | None:
        """The next cursor, given the one before."""
        if self._newest is None:
            return cursor
        before = parse_instant(cursor)
        return instant_text(self._newest if before is None else max(before, self._newest))
