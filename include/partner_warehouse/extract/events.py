"""The event stream: hourly files of gzipped newline JSON, fetched in parallel and landed as they are."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson

from partner_warehouse.errors import BadInputError, TransientError
from partner_warehouse.extract.api import Window
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.event_files import Listed, event_files
from partner_warehouse.extract.state import read_state, state_path, write_state
from partner_warehouse.landing.catalog import ObjectSchema
from partner_warehouse.landing.manifest import manifests
from partner_warehouse.landing.store import LoadOutcome, ReceivedFile, exclusive, land
from partner_warehouse.settings import Settings

SHAPES = {"segment": "events", "snowplow": "snowplow_events"}
"""The object that a collector's files are, by the `shape` in the connection's `extra`; Segment's unless it says so."""

DOWNLOADS = 4
"""Files fetched at the same time."""

TRIES = 3
"""How often a file is fetched that does not arrive whole."""

LOAD_BYTES = 256 * 1024 * 1024
"""Compressed bytes of one load; a long backlog is landed in several, so that a crash repeats little."""

LOOK_BACK = 72
"""How many files before the cursor are listed again, for those that appeared late or were replaced."""

WHOLE_LISTING = timedelta(days=1)
"""How often every file is listed, for those that appeared or were replaced later than the look-back sees: an hour that
a collector had lost may come after months."""

_NEVER = "never landed"
"""In place of a mark."""

_HOUR = re.compile(r"(20\d{2})[-_/]?(0[1-9]|1[0-2])[-_/]?(0[1-9]|[12]\d|3[01])(?:[-_/T]?([01]\d|2[0-3]))?(?!\d)")
"""The UTC hour, or the day, in a file's name: `2026-03-01T05.ndjson.gz`, `2026/03/01/05.gz`, `20260301.gz`."""


class Events:
    """One collector, or one place with its files.

    Args:
        connection: Host, and as password the token or the store's secret.
        options: For the client, in tests.
    """

    def __init__(self, connection: SourceConnection, **options: Any) -> None:
        shape = str(connection.extra.get("shape", "segment"))
        if shape not in SHAPES:
            raise BadInputError(f"events: extra.shape {shape!r} of the connection: use one of {', '.join(SHAPES)}")
        self._object = SHAPES[shape]
        self._files = event_files(connection, **options)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def ingest(
        self,
        schema: ObjectSchema,
        settings: Settings,
        *,
        connection: duckdb.DuckDBPyConnection | None = None,
        load_bytes: int = LOAD_BYTES,
        window: Window | None = None,
    ) -> LoadOutcome:
        """Land the files after the last one that was landed, oldest first; or those of a window's hours once more.

        Of an object that is of another shape than this collector's there is nothing.

        Raises:
            TransientError: The collector failed in a way that passes; what was landed before stays.
            PermanentError: It refused.
        """
        outcome = LoadOutcome(schema.source, schema.name)
        if schema.name in SHAPES.values() and schema.name != self._object:
            return outcome
        with exclusive(settings, schema.source, schema.name) as directory:
            if window is not None:
                for batch in _batches(
                    [listed for listed in self._files.list("") if _lies_in(listed.name, window)], load_bytes
                ):
                    outcome += land(schema, self._download(batch, directory), settings, connection=connection)
                return outcome
            known = self._known(settings, schema)
            before = read_state(settings, schema.source, schema.name)
            load, empty = before.get("load"), set(before.get("empty", ()))
            names = sorted(known)
            cursor = names[-1] if names else None
            # Empty while there are fewer files than the look-back: then all are listed.
            after = names[-LOOK_BACK - 1] if len(names) > LOOK_BACK else ""
            now = datetime.now(UTC)
            is_whole = not after or _is_due(before.get("listed_at"), now)
            archive = _Archive(settings, schema)
            older = archive.read(empty) if after and is_whole else {}
            new = [
                listed
                for listed in self._files.list("" if is_whole else after)
                if (
                    not _is_as_it_was(listed, older)
                    if listed.name < after
                    else known.get(listed.name, _NEVER) != listed.mark
                )
            ]
            again = {name for name, mark in known.items() if mark is None} | {
                listed.name for listed in new
            } & older.keys()
            contents = _contents(settings, schema, again)
            for batch in _batches(new, load_bytes):
                fetched = self._download(batch, directory)
                received = [entry for entry in fetched if contents.get(entry.name) != entry.sha256]
                cursor_to = max(cursor or "", batch[-1].name)
                if received:
                    outcome += land(
                        schema, received, settings, connection=connection, cursor_from=cursor, cursor_to=cursor_to
                    )
                for entry in fetched:
                    entry.path.unlink(missing_ok=True)
                empty |= {entry.name for entry in received if not entry.records}
                cursor = cursor_to
                known |= {listed.name: listed.mark for listed in batch}
                kept = {name: known[name] for name in sorted(known)[-LOOK_BACK - 1 :]}
                load = outcome.load_ids[-1] if outcome.is_new else load
                state = {"cursor": cursor, "load": load, "files": kept, "empty": sorted(empty)}
                # The whole listing counts as made when all that it showed is landed.
                write_state(settings, schema.source, schema.name, before | state)
                archive.add(batch)
            if is_whole and known:
                state = read_state(settings, schema.source, schema.name) | {"listed_at": now.isoformat()}
                write_state(settings, schema.source, schema.name, state)
        return outcome

    def _known(self, settings: Settings, schema: ObjectSchema) -> dict[str, str | None]:
        """The newest files that were landed, with their marks.

        Where the state is lost or behind, the manifests have the names, and no marks: these files are fetched once more
        and landed if their content is another one, because one may have been replaced since.
        """
        state = read_state(settings, schema.source, schema.name)
        known: dict[str, str | None] = dict(state.get("files", {}))
        for manifest in manifests(settings.landing_dir, schema.source, schema.name):
            if manifest.load_id <= (state.get("load") or "") or (not state and len(known) > LOOK_BACK):
                break
            known |= {file.name: known.get(file.name) for file in manifest.files}
        return {name: known[name] for name in sorted(known)[-LOOK_BACK - 1 :]}

    def _download(self, batch: list[Listed], directory: Path) -> list[ReceivedFile]:
        with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="events") as pool:
            return list(
                pool.map(lambda pair: self._fetch(pair[1], directory / f"{pair[0]:06d}.ndjson.gz"), enumerate(batch))
            )

    def _fetch(self, listed: Listed, target: Path) -> ReceivedFile:
        """Fetch one file, whole: its end and its checksum are looked at before it is landed.

        Raises:
            TransientError: It arrived damaged.
        """
        for _ in range(TRIES):
            self._files.save(listed.name, target)
            records = _count(target)
            # One that is made of several compressed parts may lack the last of them, and read well.
            if records is not None and target.stat().st_size >= listed.bytes:
                break
        else:
            raise TransientError(f"events: the file {listed.name} arrived damaged ({TRIES} tries)")
        with target.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return ReceivedFile(target, listed.name, digest, target.stat().st_size, records=records)


def _is_due(listed_at: str | None, now: datetime) -> bool:
    return listed_at is None or now - datetime.fromisoformat(listed_at) >= WHOLE_LISTING


class _Archive:
    """Every file that was ever fetched, with the mark that it was listed with: a line each, a name's last one counts.

    It is added to, so that a run costs no more with the years, and read once a day. Where it lacks a name, the size of
    what was landed stands in: a lost one costs nothing but files that were replaced by others of the same size.
    """

    def __init__(self, settings: Settings, schema: ObjectSchema) -> None:
        self._settings, self._schema = settings, schema
        self._path = state_path(settings, schema.source, schema.name).with_suffix(".fetched")

    def read(self, empty: set[str]) -> dict[str, str | int]:
        """The mark of each file that was landed or was empty; of one that was landed its size in bytes instead."""
        known: dict[str, str | int] = {}
        for manifest in manifests(self._settings.landing_dir, self._schema.source, self._schema.name):
            for file in manifest.files:
                known.setdefault(file.name, file.bytes)
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return known
        for line in lines:
            with suppress(orjson.JSONDecodeError):  # a line that a killed run has begun
                name, mark = orjson.loads(line)
                if name in known or name in empty:
                    known[name] = mark
        return known

    def add(self, batch: Iterable[Listed]) -> None:
        """Note files that were landed. The line of a killed run ends before the first of these."""
        with self._path.open("ab") as lines:
            lines.write(b"\n" + b"".join(orjson.dumps([listed.name, listed.mark]) + b"\n" for listed in batch))


def _is_as_it_was(listed: Listed, known: Mapping[str, str | int]) -> bool:
    mark = known.get(listed.name)
    return mark == (listed.bytes if isinstance(mark, int) else listed.mark)


def _contents(settings: Settings, schema: ObjectSchema, names: set[str]) -> dict[str, str]:
    """The hashes of these files as they were last landed; of those that never were, none."""
    found: dict[str, str] = {}
    for manifest in manifests(settings.landing_dir, schema.source, schema.name):
        if found.keys() >= names:
            break
        for file in manifest.files:
            if file.name in names:
                found.setdefault(file.name, file.sha256)
    return found


def _lies_in(name: str, window: Window) -> bool:
    """Whether a file's hour, which is in its name, has a part in a window; a name without one never has."""
    found = _HOUR.search(name)
    if found is None:
        return False
    year, month, day, hour = (int(part or 0) for part in found.groups())
    start = datetime(year, month, day, hour, tzinfo=UTC)
    span = timedelta(hours=1) if found[4] is not None else timedelta(days=1)
    return start < window.until and start + span > window.since


def _count(path: Path) -> int | None:
    """The lines of a gzip file that are not empty; None when it is damaged or not whole."""
    try:
        with gzip.open(path) as lines:
            return sum(1 for line in lines if line.rstrip(b"\r\n"))
    except (OSError, EOFError, zlib.error):
        return None


def _batches(listed: list[Listed], load_bytes: int) -> Iterator[list[Listed]]:
    batch: list[Listed] = []
    size = 0
    for entry in listed:
        if batch and size + entry.bytes > load_bytes:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.bytes
    if batch:
        yield batch
