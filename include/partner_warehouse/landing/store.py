"""Lands received records: spooled files in, one immutable, typed load out, or nothing.

A load is built under `landing/.incoming/<source>/<object>/<load_id>/` and becomes visible by one rename, after its
files and its directory are on disk. A crash at any point leaves either no load or a whole one; what lies in `.incoming`
is removed by the object's next run.

Whoever lands holds `landing/.lock` with the others who land, from the choice of the load's instant to the rename;
`settled` waits until nobody does. So there is an instant up to which the landing never changes any more.

The records pass through DuckDB as text, a line each, never through Python:

1. every line is typed by the rules of `landing.typing` and written to `data.parquet`, if all of its fields are fine;
2. lines that are not, if there are any, go to `quarantine.parquet`, one row per broken field;
3. exact duplicates (the same bytes again in one load) are dropped from both, all but the last;
4. the counts must tie, or the load is not made visible.

The position `_row` of a record in a load of one file is its place in the data file (`landing.layout.data_files`), since
numbering the lines would make the load one thread's work. Where a record was left out, and in a load of several files,
whose lines could come in any order, the numbers are written.

Of an object that keeps its files, the load takes the received files themselves instead of writing each record a second
time, which was a third of the cost (`landing.layout.received_records` reads them).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from partner_warehouse.errors import BadInputError, BusyError, PartnerWarehouseError
from partner_warehouse.landing.catalog import Field, ObjectSchema, catalogued_sources, load_catalog
from partner_warehouse.landing.json_fields import (
    NESTED,
    NO_WHOLE_NUMBER,
    exact_number,
    is_nested,
    is_pointed,
    json_path,
    shape_of,
    sql_type,
    whole_number,
)
from partner_warehouse.landing.layout import (
    MAX_RECORD_BYTES,
    QUARANTINE_COLUMNS,
    data_files,
    lines,
    object_dir,
    received_name,
)
from partner_warehouse.landing.manifest import (
    MANIFEST,
    NO_MOVES,
    PLACE,
    Manifest,
    ManifestFile,
    join_places,
    load_ids,
)
from partner_warehouse.landing.typing import identifier, is_any_text, quote, reason, typed
from partner_warehouse.settings import Settings
from partner_warehouse.workplaces import workplace

MEMORY_LIMIT = "768MB"
"""What one loading connection may use; beyond it DuckDB spills to HOME/tmp."""

THREADS = 2
"""Threads of one loading connection; each has buffers of its own, so that more would need more memory."""

_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 40960"
_INCOMING = ".incoming"
_PLAIN_NAME = re.compile(r"[^@\n\r\t]{1,100}")
_NO_NAME = "(no plain name)"
"""Stands for undeclared fields whose name may be a value: an address used as a key belongs in no report."""
_ESCAPED_CONTROL = r"\\(u00[01]|[bfnr])"
_CONTROL_CHARACTER = "not valid JSON: a raw control character; write it in escaped form, as \\u0001, or leave it out"
_NAMED_TWICE = "the record has a name twice, and nothing says which value counts; write each name once"
_Result = TypeVar("_Result")
_LOAD_ID_TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One spooled file of records, as received.

    Attributes:
        path: Where it is spooled: newline JSON, gzipped when the name ends in `.gz`.
        name: What people know it by (the file's name below the inbox, the page's or hour's name).
        sha256: Of the bytes as received.
        bytes: Their number.
        header: For a spooled CSV file, its columns; a row that does not fit them arrives as a JSON array.
        records: How many were spooled, where that was counted: landing must find as many.
        lines: Of a file that a person may open, how far records lie from where their numbers put them: `record,lines`,
            an entry from each record on where that changes. Quarantine shows the line, and the load keeps the entries;
            None where they are the same.
    """

    path: Path
    name: str
    sha256: str
    bytes: int
    header: tuple[str, ...] | None = None
    records: int | None = None
    lines: Path | None = None


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What ingesting an object did: counts only, fit for logs and XComs.

    Attributes:
        load_ids: The loads made, oldest first; empty when there was nothing new.
        cursor_to: Where the next run starts, in the source's notation.
        undeclared: Undeclared fields and the records that had them.
        warnings: What a person should look at.
    """

    source: str
    object: str
    load_ids: tuple[str, ...] = ()
    received: int = 0
    landed: int = 0
    quarantined: int = 0
    duplicates: int = 0
    bytes: int = 0
    cursor_to: str | None = None
    undeclared: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether anything was landed or set aside."""
        return bool(self.load_ids)

    def to_dict(self) -> dict[str, Any]:
        """JSON types only."""
        return asdict(self) | {"load_ids": list(self.load_ids), "warnings": list(self.warnings)}

    def __add__(self, other: LoadOutcome) -> LoadOutcome:
        undeclared = dict(self.undeclared)
        for name, count in other.undeclared.items():
            undeclared[name] = undeclared.get(name, 0) + count
        return LoadOutcome(
            self.source,
            self.object,
            self.load_ids + other.load_ids,
            self.received + other.received,
            self.landed + other.landed,
            self.quarantined + other.quarantined,
            self.duplicates + other.duplicates,
            self.bytes + other.bytes,
            other.cursor_to if other.cursor_to is not None else self.cursor_to,
            undeclared,
            self.warnings + other.warnings,
        )


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for loading: in memory, bounded, spilling below HOME. One thread uses it at a time."""
    with workplace(settings.home) as temporary, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"SET temp_directory = {quote(str(temporary))}")
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET threads = {THREADS}")
        # The place of a record in the file is its place in the load.
        connection.execute("SET preserve_insertion_order = true")
        # A filter on typed columns, pushed down to the lines, would type every value twice over (49 s instead of 5).
        connection.execute("SET disabled_optimizers = 'filter_pushdown'")
        yield connection


def incoming_dir(settings: Settings, source: str, object_name: str) -> Path:
    """Where an object's loads and spools are prepared; nobody reads it."""
    return settings.landing_dir / _INCOMING / source / object_name


@contextmanager
def exclusive(settings: Settings, source: str, object_name: str) -> Iterator[Path]:
    """Hold an object for one run, and clear what a run that was killed has left.

    Yields:
        A directory to spool into, removed at the end.

    Raises:
        BusyError: Another run holds the object.
    """
    lock = settings.home / "state" / source / f"{object_name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"{source}.{object_name} is being ingested by another run") from error
        incoming = incoming_dir(settings, source, object_name)
        shutil.rmtree(incoming, ignore_errors=True)
        spool = incoming / "spool"
        spool.mkdir(parents=True)
        try:
            yield spool
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


def land(
    schema: ObjectSchema,
    received: Sequence[ReceivedFile],
    settings: Settings,
    *,
    connection: duckdb.DuckDBPyConnection | None = None,
    cursor_from: str | None = None,
    cursor_to: str | None = None,
    cursor_field: str | None = None,
    missing: Sequence[str] = (),
    warnings: Sequence[str] = (),
    apart: bool = False,
) -> LoadOutcome:
    """Land spooled records as one load.

    Args:
        schema: The declared object.
        received: Spooled files, in the order of arrival, on the landing's file system. Those of an object that keeps
            its files are gone from there afterwards.
        settings: The installation.
        connection: One to reuse, of `connect`; default a new one.
        cursor_from: Where the extraction started.
        cursor_to: Where the next one starts.
        cursor_field: Take `cursor_to` from the largest landed value of this field (an instant) instead.
        missing: Declared fields that the source lacks, for the manifest.
        warnings: What a person should look at, for the manifest.
        apart: Each file is a delivery of its own: what it says stands although another one says the same to the
            letter, and quarantine numbers its rows by file. Their headers, if they have any, are the same.

    Returns:
        The counts; without a load id when no record was received.

    Raises:
        BadInputError: A record is too long to be read; nothing was made visible.
        PartnerWarehouseError: The counts do not tie; nothing was made visible.
    """
    target = object_dir(settings.landing_dir, schema.source, schema.name)
    with (
        _locked(settings.landing_dir, fcntl.LOCK_SH),
        nullcontext(connection) if connection is not None else connect(settings) as session,
    ):
        load_id, loaded_at = _next_load_id(load_ids(settings.landing_dir, schema.source, schema.name))
        incoming = incoming_dir(settings, schema.source, schema.name) / load_id
        incoming.mkdir(parents=True)
        work = _Load(session, schema, received, incoming, load_id, loaded_at, apart=apart)
        try:
            counts = work.write()
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.NotImplementedException):
            # The engine's own message quotes the record.
            raise _unreadable(schema, received) from None
        if counts.received == 0:
            shutil.rmtree(incoming)
            return LoadOutcome(schema.source, schema.name, cursor_to=cursor_to)
        if cursor_field is not None:
            cursor_to = work.newest(cursor_field) or cursor_to or cursor_from
        if schema.keeps_files:
            for index, entry in enumerate(received):
                os.replace(entry.path, incoming / received_name(index, entry.path))
        manifest = Manifest(
            load_id=load_id,
            source=schema.source,
            object=schema.name,
            loaded_at=loaded_at.isoformat(),
            received=counts.received,
            landed=counts.landed,
            quarantined=counts.quarantined,
            duplicates=counts.duplicates,
            cursor_from=cursor_from,
            cursor_to=cursor_to,
            files=counts.files,
            undeclared=counts.undeclared,
            bytes=sum(entry.stat().st_size for entry in incoming.iterdir()),
            missing=tuple(missing),
            warnings=tuple(warnings),
            keeps_files=schema.keeps_files,
        )
        (incoming / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        _make_visible(incoming, target / load_id)
    return LoadOutcome(
        schema.source,
        schema.name,
        (load_id,),
        counts.received,
        counts.landed,
        counts.quarantined,
        counts.duplicates,
        manifest.bytes,
        cursor_to,
        counts.undeclared,
    )


def settled(landing: Path) -> datetime:
    """An instant up to which the landing has all that it will ever have: wait for the loads that are being written.

    Every load that is visible when this returns is of that instant or before, and every one that comes after it later.

    Args:
        landing: `Settings.landing_dir`.

    Returns:
        Now, or the newest load's instant where the clock was set back; UTC.
    """
    with _locked(landing, fcntl.LOCK_EX):
        newest = [
            _instant_of(ids[-1])
            for source in catalogued_sources()
            for name in load_catalog(source).objects
            if (ids := load_ids(landing, source, name))
        ]
        return max([datetime.now(UTC), *newest])


@contextmanager
def _locked(landing: Path, kind: int) -> Iterator[None]:
    """Hold the landing, shared or alone; in turn, else who shares it could shut out for ever who wants it alone."""
    landing.mkdir(parents=True, exist_ok=True)
    with (landing / ".turn").open("w") as turn, (landing / ".lock").open("w") as lock:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(lock, kind)
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield


def _next_load_id(existing: Sequence[str]) -> tuple[str, datetime]:
    """A load id that sorts after the existing ones, even when the clock was set back."""
    now = datetime.now(UTC)
    if existing:
        now = max(now, _instant_of(existing[-1]) + timedelta(microseconds=1))
    return f"{now.strftime(_LOAD_ID_TIME)}-{secrets.token_hex(4)}", now


def _instant_of(load_id: str) -> datetime:
    return datetime.strptime(load_id.partition("-")[0], _LOAD_ID_TIME).replace(tzinfo=UTC)


def _make_visible(incoming: Path, target: Path) -> None:
    for entry in incoming.iterdir():
        sync(entry)
    sync(incoming)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(incoming, target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Wait until a file's or directory's content is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Counts:
    received: int
    landed: int
    quarantined: int
    duplicates: int
    files: tuple[ManifestFile, ...]
    undeclared: dict[str, int]


class _Load:
    """One load in the making: the SQL of the module's steps over one set of files."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        schema: ObjectSchema,
        received: Sequence[ReceivedFile],
        directory: Path,
        load_id: str,
        loaded_at: datetime,
        *,
        apart: bool,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._received = received
        self._directory = directory
        self._load_id = load_id
        self._loaded_at = loaded_at
        self._apart = apart
        self._data = directory / "data.parquet"
        self._quarantine = directory / "quarantine.parquet"
        self._has_names_twice = False

    def write(self) -> _Counts:
        """Write both Parquet files.

        Raises:
            PartnerWarehouseError: received ≠ landed + quarantined + duplicates.
        """
        # Two passes over the same files. Numbering makes the second one thread's work, and so they go side by side.
        numbered = len(self._received) > 1
        with ThreadPoolExecutor(1, thread_name_prefix="survey") as helper:
            survey = helper.submit(_as_json, self._survey)
            if not numbered:
                survey.result()
            if self._schema.keeps_files:
                written = self._write_objects(numbered=numbered)
            else:
                written = _as_json(partial(self._write_data, numbered=numbered))
            records, undeclared = survey.result()
        for entry in self._received:
            # DuckDB leaves out a last line that is longer than its buffer, without a word.
            if entry.records is not None and entry.records != records.get(str(entry.path), 0):
                raise _unreadable(self._schema, [entry])
        received = sum(records.values())
        if received == 0:
            return _Counts(0, 0, 0, 0, (), {})
        if self._has_names_twice or (written != received and (self._schema.keeps_files or not numbered)):
            written = self._write_data(checked=True, numbered=True)
        landed = self._drop_duplicates(written)
        quarantined, duplicates = self._write_quarantine(records, any_broken=written < received)
        self._write_line_places()
        duplicates += written - landed
        if received != landed + quarantined + duplicates:
            raise PartnerWarehouseError(
                f"{self._schema.source}.{self._schema.name}: {received} records received, but {landed} landed, "
                f"{quarantined} quarantined and {duplicates} duplicates; the load is not kept"
            )
        files = tuple(
            ManifestFile(entry.name, entry.sha256, entry.bytes, records.get(str(entry.path), 0))
            for entry in self._received
        )
        return _Counts(received, landed, quarantined, duplicates, files, undeclared)

    def newest(self, field_name: str) -> str | None:
        """The largest landed instant of a field, ISO 8601 in UTC to the microsecond."""
        row = self._connection.execute(
            f"SELECT strftime(max({identifier(field_name)}), '%Y-%m-%dT%H:%M:%S.%fZ') "  # noqa: S608
            f"FROM read_parquet({quote(str(self._data))})"
        ).fetchone()
        return row[0] if row else None

    # The SQL below is put together from the catalog's names and our own paths, never from received values.

    @property
    def _lines(self) -> str:
        return lines([entry.path for entry in self._received])

    def _parsed_lines(self, *, checked: bool, numbered: bool) -> str:
        """Every line with its declared fields as text, `_v`.

        Args:
            checked: Make sure first that a line is JSON; without, the query fails on one that is not.
            numbered: With its position, else NULL.
        """
        parsed = f"json_transform(raw, {quote(json.dumps(shape_of(self._schema)))})"
        if checked:
            parsed = f"CASE WHEN json_valid(raw) THEN {parsed} END"
        return f"SELECT {_position(numbered)} AS _row, filename, raw AS _raw, {parsed} AS _v FROM ({self._lines})"  # noqa: S608

    def _parsed_objects(self, *, numbered: bool) -> str:
        """The same in half the time, without the lines themselves; the query fails on a line that is no JSON object."""
        shape = shape_of(self._schema)
        columns = ", ".join(f"{quote(name)}: {quote(sql_type(part))}" for name, part in shape.items())
        fields = ", ".join(f"{quote(name)}: {identifier(name)}" for name in shape)
        paths = ", ".join(quote(str(entry.path)) for entry in self._received)
        return (
            f"SELECT {_position(numbered)} AS _row, _path AS filename, CAST(NULL AS VARCHAR) AS _raw, "  # noqa: S608
            f"{{{fields}}} AS _v FROM read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}}, "
            f"filename = '_path', maximum_object_size = {MAX_RECORD_BYTES})"
        )

    def _typed(self, records: str) -> str:
        """Every record, each declared field as text (`t<i>`) and typed (`c<i>`).

        Args:
            records: SQL of the records, of one of the two above.
        """
        name, named = quote(self._received[0].name), ""
        if len(self._received) > 1:
            pairs = ", ".join(f"({quote(str(entry.path))}, {quote(entry.name)})" for entry in self._received)
            name, named = "name", f" JOIN (VALUES {pairs}) AS named (filename, name) USING (filename)"
        fields = list(enumerate(self._schema.fields, start=1))
        texts = ", ".join(f"{self._text(f)} AS t{i}" for i, f in fields)
        values = ", ".join(f"{self._value(f, f't{i}')} AS c{i}" for i, f in fields)
        return f"SELECT *, {values} FROM (SELECT _row, {name} AS _file, _raw, {texts} FROM ({records}){named})"  # noqa: S608

    def _text(self, declared: Field) -> str:
        """A field's text in the parsed record `_v`, NULL when absent or empty."""
        shape: Any = shape_of(self._schema)
        text = "_v"
        for depth, part in enumerate(declared.path, start=1):
            text += f"[{quote(part)}]"
            shape = shape[part]
            if isinstance(shape, str) and depth < len(declared.path):
                # Its container is declared too, and so kept whole.
                text = f"json_extract_string({text}, {quote(json_path(declared.path[depth:]))})"
                break
        text = f"nullif(CAST({text} AS VARCHAR), '')"
        if self._schema.is_id(declared):
            return whole_number(declared, text)
        return exact_number(declared, text) if declared.type == "decimal" else text

    def _value(self, declared: Field, text: str) -> str:
        value = typed(declared, text, source=self._schema.source)
        if self._schema.is_id(declared):
            no_id = f"{is_pointed(declared, text)} OR {is_nested(declared, text)}"
            value = f"CASE WHEN NOT ({no_id}) THEN {value} END"
        return value

    def _why(self, declared: Field, text: str, value: str) -> str:
        why = reason(declared, text, value, source=self._schema.source)
        if self._schema.is_id(declared):
            why = (
                f"CASE WHEN {is_pointed(declared, text)} THEN {quote(NO_WHOLE_NUMBER)} "
                f"WHEN {is_nested(declared, text)} THEN {quote(NESTED)} ELSE {why} END"
            )
        return why

    @property
    def _is_fine(self) -> str:
        conditions = ["true"]
        for index, declared in enumerate(self._schema.fields, start=1):
            if declared.required:
                conditions.append(f"c{index} IS NOT NULL")
            elif not is_any_text(declared) or self._schema.is_id(declared):
                conditions.append(f"(c{index} IS NOT NULL OR t{index} IS NULL)")
        # Only where the survey has met such a record, since it is a pass of its own.
        if self._has_names_twice:
            conditions.append(f"NOT {self._names_one_twice}")
        return " AND ".join(conditions)

    @property
    def _names_one_twice(self) -> str:
        """SQL of whether a record has two values under one name, of which none is known to be the one that counts."""
        twice = f"list_filter({self._names('_raw')}, lambda names: len(names) > len(list_distinct(names)))"
        return f"coalesce(CASE WHEN json_valid(_raw) THEN len({twice}) > 0 END, false)"

    @property
    def _containers(self) -> list[tuple[str, ...]]:
        """Where declared fields lie deeper than in the record itself."""
        declared = {f.path for f in self._schema.fields}
        return sorted({path[:i] for path in declared for i in range(1, len(path))} - declared - self._schema.envelope)

    def _names(self, raw: str) -> str:
        """SQL of the names in a record and in each of its containers. At once: each call would parse the record."""
        return f"json_keys({raw}, [{', '.join(quote(json_path(path)) for path in ((), *self._containers))}])"

    def _survey(self, checked: bool) -> tuple[dict[str, int], dict[str, int]]:
        """Count records by file, and the fields that nobody declared; see whether a record names one twice."""
        declared, containers = {f.path for f in self._schema.fields}, self._containers
        shape = self._names("raw")
        if checked:
            shape = f"CASE WHEN json_valid(raw) THEN {shape} END"
        rows = (
            self._connection.cursor()
            .execute(
                # By the hash: comparing lists of names would cost more than reading them.
                "SELECT filename, any_value(shape), count(*) "  # noqa: S608
                f"FROM (SELECT filename, {shape} AS shape FROM ({self._lines})) GROUP BY filename, hash(shape)"
            )
            .fetchall()
        )
        prefixes: list[tuple[str, ...]] = [(), *containers]
        known = declared | set(containers) | self._schema.envelope
        records: dict[str, int] = {}
        undeclared: dict[str, int] = {}
        for filename, shape, count in rows:
            records[filename] = records.get(filename, 0) + count
            for prefix, keys in zip(prefixes, shape or [()] * len(prefixes), strict=True):
                names = dict.fromkeys(keys or ())
                self._has_names_twice |= len(names) < len(keys or ())
                for key in names:
                    if (*prefix, key) not in known:
                        name = ".".join((*prefix, key)) if _PLAIN_NAME.fullmatch(key) else _NO_NAME
                        undeclared[name] = undeclared.get(name, 0) + count
        return records, dict(sorted(undeclared.items()))

    def _write_data(self, checked: bool, *, numbered: bool) -> int:
        return self._write_records(self._parsed_lines(checked=checked, numbered=numbered))

    def _write_objects(self, *, numbered: bool) -> int:
        """Write the records without their lines; returns 0, nothing written, if a line is no object or is needed."""
        if any(declared.type == "decimal" for declared in self._schema.fields):
            return 0  # `exact_number` looks at the line
        try:
            return self._write_records(self._parsed_objects(numbered=numbered))
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            return 0

    def _write_records(self, records: str) -> int:
        declared = ", ".join(
            f"CAST(c{i} AS {f.sql_type}) AS {identifier(f.name)}" for i, f in enumerate(self._schema.fields, start=1)
        )
        raw = "CAST(NULL AS VARCHAR) AS _raw" if self._schema.keeps_files else "_raw"
        return self._copy(
            f"SELECT {declared}, {quote(self._load_id)} AS _load_id, {self._loaded_at_sql} AS _loaded_at, "  # noqa: S608
            f"_file, _row, {raw} FROM ({self._typed(records)}) WHERE {self._is_fine}",
            self._data,
        )

    def _drop_duplicates(self, written: int) -> int:
        """Drop landed records whose bytes come again: they share their key, which is cheap to look for.

        The last one stays, since among versions of a record the last is the valid one.
        """
        key = f"hash({identifier(self._schema.key)})"
        data = data_files(self._data)
        # Keys are looked for by their hash, which takes a fixed eight bytes: of two that share one the bytes differ.
        if self._connection.execute(f"SELECT count(DISTINCT {key}) FROM {data}").fetchone() == (written,):  # noqa: S608
            return written
        suspects = f"SELECT {key} FROM {data} GROUP BY 1 HAVING count(*) > 1"  # noqa: S608
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE dropped AS SELECT _row FROM ("  # noqa: S608
            f"SELECT _row, row_number() OVER (PARTITION BY raw{', filename' * self._apart} ORDER BY _row DESC) AS nth "
            f"FROM (SELECT row_number() OVER () AS _row, raw, filename FROM ({self._lines})) "
            f"WHERE _row IN (SELECT _row FROM {data} WHERE {key} IN ({suspects}))) WHERE nth > 1"
        )
        unique = self._data.with_name("unique.parquet")
        landed = self._copy(f"SELECT * FROM {data} WHERE _row NOT IN (SELECT _row FROM dropped)", unique)  # noqa: S608
        os.replace(unique, self._data)
        return landed

    def _write_quarantine(self, records: Mapping[str, int], *, any_broken: bool) -> tuple[int, int]:
        """Write the broken fields; returns the records set aside and the exact duplicates among them.

        Args:
            records: How many records each file has, by its path.
            any_broken: Whether there are any such fields.
        """
        if not any_broken:
            nulls = ", ".join(f"CAST(NULL AS {t}) AS {identifier(name)}" for name, t in QUARANTINE_COLUMNS.items())
            self._copy(f"SELECT {nulls} LIMIT 0", self._quarantine)
            return 0, 0
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE broken AS "  # noqa: S608
            f"SELECT *, row_number() OVER (PARTITION BY _raw{', _file' * self._apart} ORDER BY _row DESC) AS nth "
            f"FROM ({self._typed(self._parsed_lines(checked=True, numbered=True))}) WHERE NOT ({self._is_fine})"
        )
        source = self._schema.source
        # Of one file the rows are its own; of several they count through the load.
        files = [(entry.name, records.get(str(entry.path), 0) * self._apart) for entry in self._received]
        reasons = ", ".join(
            f"{{'field': {quote(f.name)}, 'reason': {self._why(f, f't{i}', f'c{i}')}}}"
            for i, f in enumerate(self._schema.fields, start=1)
        )
        is_object = "CASE WHEN json_valid(_raw) THEN json_type(_raw) END IS NOT DISTINCT FROM 'OBJECT'"
        whole = f"[{{'field': NULL::VARCHAR, 'reason': {self._no_object}}}]"
        twice = f"[{{'field': NULL::VARCHAR, 'reason': {quote(_NAMED_TWICE)}}}]"
        per_field = f"CASE WHEN {self._names_one_twice} THEN {twice} ELSE [{reasons}] END"
        self._copy(
            f"""
            SELECT {quote(source)} AS source, {quote(self._schema.name)} AS object, {quote(self._load_id)} AS load_id,
                {self._loaded_at_sql} AS loaded_at, _file AS file,
                {PLACE} AS "row", t1 AS record_key,
                broken.field AS field, broken.reason AS reason, _raw AS raw
            FROM (
                SELECT *, unnest(CASE WHEN {is_object} THEN {per_field} ELSE {whole} END) AS broken
                FROM broken WHERE nth = 1
            ) JOIN {join_places(files, self._moves or NO_MOVES)}
            WHERE broken.reason IS NOT NULL ORDER BY _row""",  # noqa: S608
            self._quarantine,
        )
        row = self._connection.execute(
            "SELECT count(*) FILTER (nth = 1), count(*) FILTER (nth > 1) FROM broken"
        ).fetchone()
        self._connection.execute("DROP TABLE broken")
        return row if row is not None else (0, 0)

    @property
    def _moves(self) -> str | None:
        """What was taken down of lines, as a relation (file, record, moved); None where nothing was."""
        listed = [(entry.name, str(entry.lines)) for entry in self._received if entry.lines is not None]
        if not listed:
            return None
        paths = ", ".join(quote(path) for _, path in listed)
        names = ", ".join(f"({quote(name)}, {quote(path)})" for name, path in listed)
        columns = "columns = {'record': 'BIGINT', 'moved': 'BIGINT'}, header = false, auto_detect = false"
        return (
            f"(SELECT file, record, moved FROM read_csv([{paths}], {columns}, filename = 'listed') "  # noqa: S608
            f"JOIN (VALUES {names}) AS named (file, listed) USING (listed))"
        )

    def _write_line_places(self) -> None:
        """Keep where records lie, for those that are set aside or refused later."""
        if (moves := self._moves) is None:
            return
        self._copy(
            f"SELECT {quote(self._schema.source)} AS source, {quote(self._schema.name)} AS object, "  # noqa: S608
            f"{quote(self._load_id)} AS load_id, file, record, moved FROM {moves}",
            self._directory / "lines.parquet",
        )

    @property
    def _no_object(self) -> str:
        header = next((entry.header for entry in self._received if entry.header is not None), None)
        if header is None:
            return (
                "CASE WHEN NOT json_valid(_raw) THEN 'not valid JSON' WHEN json_type(_raw) = 'VARCHAR' "
                f"AND regexp_matches(_raw, {quote(_ESCAPED_CONTROL)}) THEN {quote(_CONTROL_CHARACTER)} "
                "ELSE 'not a JSON object' END"
            )
        return f"'the row has ' || json_array_length(_raw) || ' values, the header {len(header)} columns'"

    @property
    def _loaded_at_sql(self) -> str:
        return f"TIMESTAMPTZ {quote(self._loaded_at.isoformat())}"

    def _copy(self, query: str, target: Path) -> int:
        row = self._connection.execute(f"COPY ({query}) TO {quote(str(target))} ({_PARQUET})").fetchone()
        return int(row[0]) if row else 0


def _unreadable(schema: ObjectSchema, received: Sequence[ReceivedFile]) -> BadInputError:
    names = ", ".join(entry.name for entry in received[:3])
    return BadInputError(
        f"{names}: cannot be read line by line as {schema.source}.{schema.name}; "
        f"a record may be longer than {MAX_RECORD_BYTES >> 20} MiB"
    )


def _as_json(step: Callable[[bool], _Result]) -> _Result:
    """Run a step over lines that are taken for JSON; if some line is not, again, looking first.

    Broken lines are rare, and looking costs a tenth of the time.
    """
    try:
        return step(False)
    except duckdb.InvalidInputException:
        return step(True)


def _position(numbered: bool) -> str:
    return "row_number() OVER ()" if numbered else "CAST(NULL AS BIGINT)"
