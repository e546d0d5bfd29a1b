"""The file drop: `INBOX/<object>/*.{csv,jsonl,parquet}`, each file taken once, by content, and left where it is."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import orjson

from partner_warehouse.errors import BadInputError, PartnerWarehouseError
from partner_warehouse.extract.csv_records import Fingerprint, LineNumbers, check_required, lines_of, spool_csv, text_of
from partner_warehouse.extract.state import read_state, write_state
from partner_warehouse.landing.catalog import ObjectSchema, load_catalog
from partner_warehouse.landing.layout import object_dir
from partner_warehouse.landing.manifest import MANIFEST, Manifest, load_ids
from partner_warehouse.landing.store import LoadOutcome, ReceivedFile, exclusive, land
from partner_warehouse.landing.typing import identifier, quote
from partner_warehouse.settings import Settings

SOURCE = "files"
SUFFIXES = (".csv", ".jsonl", ".parquet")
TOGETHER_FILES, TOGETHER_BYTES = 500, 16 * 1024 * 1024
"""How many files, and bytes of them, are landed as one load, which costs about the same for one small file and many.
A larger file is a load by itself."""

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f]")
"""What JSON has in escaped form alone. A tab may stand between values."""

_EXACT_BELOW = {"FLOAT": 2**24, "DOUBLE": 2**53}
_EXACT_BELOW_OF_HALF = 2**11
"""Below these a binary number of its kind is the whole number that was put into it; above, perhaps a neighbour."""

_DATA_BY_ANOTHER_NAME = (".xlsx", ".xls", ".ods", ".tsv", ".txt", ".json", ".ndjson", ".gz", ".zip", ".xml")


@dataclass(slots=True)
class _Taken:
    """What was taken of one object: content hash → load, and the stat of files that were read, to skip reading."""

    by_content: dict[str, str]
    loads: set[str]
    stats: dict[str, list[Any]]


class _UnreadableError(PartnerWarehouseError):
    """A file is there and cannot be read: no fault of what it says."""


def ingest_files(
    object_name: str, settings: Settings, *, connection: duckdb.DuckDBPyConnection | None = None
) -> LoadOutcome:
    """Land the new files of one object, in the order of their names; small ones that follow each other as one load.

    Raises:
        BadInputError: One or more files cannot be taken; the others were.
        PartnerWarehouseError: One or more files cannot be read at all; the others were taken.
    """
    schema = load_catalog(SOURCE).objects[object_name]
    folder = settings.inbox_dir / object_name
    if not folder.is_dir():
        return LoadOutcome(SOURCE, object_name)
    faults: list[str] = []
    with exclusive(settings, SOURCE, object_name) as spool:
        intake = _Intake(schema, settings, connection)
        # Without the ending, so that `march.csv` comes before `march-again.csv` and `march (2).csv`.
        for path in sorted(folder.iterdir(), key=lambda path: (path.stem, path.suffix)):
            if path.name.startswith((".", "~$")) or not _is_named_as_data(path):
                continue
            if path.name != path.name.encode(errors="replace").decode():
                intake.refused.append(f"{object_name}/{ascii(path.name)[1:-1]}: its name is not UTF-8; rename the file")
                continue
            if not path.is_file():
                intake.refused.append(
                    f"{object_name}/{path.name}: {_no_file(path)}; put the file itself into the folder"
                )
                continue
            if path.suffix.lower() not in SUFFIXES:
                intake.refused.append(f"{object_name}/{path.name}: not a file of the drop; save it as .csv or .jsonl")
                continue
            seen = _seen(path)
            if intake.knows(path.name, seen):
                continue
            name = f"{object_name}/{path.name}"
            try:
                received = _spool(path, name, schema, spool / f"{intake.arrived}.ndjson")
            except BadInputError as error:
                intake.refused.append(str(error))
                continue
            except _UnreadableError as error:
                faults.append(str(error))
                continue
            if _seen(path) != seen:
                intake.warn(f"{name}: changed while it was read; the next run takes it")
                continue
            intake.add(_Arrived(received, path.name, seen or []))
        outcome = intake.end()
    if faults:
        raise PartnerWarehouseError("\n".join(faults + intake.refused))
    if intake.refused:
        raise BadInputError("\n".join(intake.refused))
    return outcome


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A file that was read: spooled, with its name in its folder and what it looked like."""

    received: ReceivedFile
    name: str
    seen: list[int]


class _Intake:
    """Takes the files of one object in their order, small ones together.

    Attributes:
        arrived: How many files came so far.
        refused: Why files were refused, each a line.
    """

    def __init__(self, schema: ObjectSchema, settings: Settings, connection: duckdb.DuckDBPyConnection | None) -> None:
        self._schema = schema
        self._settings = settings
        self._connection = connection
        self._taken = _read_taken(settings, schema.name)
        self._waiting: list[_Arrived] = []
        self._is_noted = True
        self.arrived = 0
        self._outcome = LoadOutcome(SOURCE, schema.name)
        self.refused: list[str] = []

    def knows(self, name: str, seen: list[int] | None) -> bool:
        """Whether a file was taken as it looks now."""
        return self._taken.stats.get(name) == seen

    def warn(self, text: str) -> None:
        """Tell something that a person should look at."""
        self._outcome = replace(self._outcome, warnings=(*self._outcome.warnings, text))

    def add(self, arrived: _Arrived) -> None:
        """Take a file, at once or with those that follow."""
        self.arrived += 1
        if self._waiting and not self._goes_with_those_waiting(arrived.received):
            self._land()
        if arrived.received.sha256 in self._taken.by_content:
            self._note(arrived, self._taken.by_content[arrived.received.sha256])
        else:
            self._waiting.append(arrived)

    def end(self) -> LoadOutcome:
        """Land what waits, and give the counts of all."""
        self._land()
        if not self._is_noted:
            _write_taken(self._settings, self._schema.name, self._taken)
        return self._outcome

    def _goes_with_those_waiting(self, received: ReceivedFile) -> bool:
        others = [arrived.received for arrived in self._waiting]
        return (
            len(others) < TOGETHER_FILES
            and sum(other.bytes for other in others) + received.bytes <= TOGETHER_BYTES
            and received.header == others[0].header
            # Whether the content was taken is known when the other file is.
            and all(received.sha256 != other.sha256 for other in others)
        )

    def _land(self) -> None:
        """Land the files that wait. Where one of them keeps the load from being made, each is a load by itself."""
        together, self._waiting = self._waiting, []
        if not together:
            return
        if not self._landed(together) and len(together) > 1:
            for arrived in together:
                self._landed([arrived])

    def _landed(self, files: Sequence[_Arrived]) -> bool:
        """Whether files could be landed as one load. What is known of them is written when it is visible."""
        received = [arrived.received for arrived in files]
        try:
            loaded = land(self._schema, received, self._settings, connection=self._connection, apart=True)
        except BadInputError as error:
            if len(files) == 1:
                self.refused.append(str(error))
                received[0].path.unlink()
            return False
        self._outcome += loaded
        self._taken.loads.update(loaded.load_ids)
        for arrived in files:
            self._note(arrived, loaded.load_ids[0] if loaded.load_ids else "")
        _write_taken(self._settings, self._schema.name, self._taken)
        self._is_noted = True
        return True

    def _note(self, arrived: _Arrived, load: str) -> None:
        self._taken.by_content[arrived.received.sha256] = load
        self._taken.stats[arrived.name] = arrived.seen
        self._is_noted = False
        arrived.received.path.unlink(missing_ok=True)


def check_inbox(settings: Settings) -> None:
    """Look for files that nobody would take.

    Raises:
        BadInputError: A folder that is no object, or a file outside of any folder.
    """
    if not settings.inbox_dir.is_dir():
        return
    known = load_catalog(SOURCE).objects
    strays = []
    for entry in sorted(settings.inbox_dir.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and entry.name not in known and any(map(_is_named_as_data, entry.iterdir())):
            strays.append(
                f"inbox folder {entry.name!r} is no object of the file drop; rename it to one of: "
                + ", ".join(sorted(known))
            )
        elif _is_named_as_data(entry) and not entry.is_dir():
            strays.append(f"inbox file {entry.name!r} lies in no folder; move it to <object>/{entry.name}")
    if strays:
        raise BadInputError("\n".join(strays))


def _is_named_as_data(path: Path) -> bool:
    return path.suffix.lower() in (*SUFFIXES, *_DATA_BY_ANOTHER_NAME)


def _no_file(path: Path) -> str:
    """What is in the place of a file."""
    if path.is_dir():
        return "a folder"
    return "a link to nothing" if path.is_symlink() else "a pipe or a device, which is no file"


def _read_taken(settings: Settings, object_name: str) -> _Taken:
    """The state, brought up to date with loads that it does not know (it was lost, or a run was killed)."""
    state = read_state(settings, SOURCE, object_name)
    visible = set(load_ids(settings.landing_dir, SOURCE, object_name))
    by_content = {sha: load for sha, load in state.get("taken", {}).items() if not load or load in visible}
    loads = visible & set(state.get("loads", ()))
    directory = object_dir(settings.landing_dir, SOURCE, object_name)
    for load_id in sorted(visible - loads):
        for entry in Manifest.read(directory / load_id / MANIFEST).files:
            by_content.setdefault(entry.sha256, load_id)
    complete = len(by_content) >= len(state.get("taken", {}))
    return _Taken(by_content, visible, state.get("files", {}) if complete else {})


def _write_taken(settings: Settings, object_name: str, taken: _Taken) -> None:
    document = {"taken": taken.by_content, "loads": sorted(taken.loads), "files": taken.stats}
    write_state(settings, SOURCE, object_name, document)


def _seen(path: Path) -> list[int] | None:
    """What tells whether a file is the one that was read; None when it is gone."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _required(schema: ObjectSchema) -> list[str]:
    return [field.name for field in schema.fields if field.required]


def _spool(path: Path, name: str, schema: ObjectSchema, spool: Path) -> ReceivedFile:
    header = None
    numbers = LineNumbers(spool.with_suffix(".lines"))
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            decimals = [field.name for field in schema.fields if field.type == "decimal"]
            fingerprint, header = spool_csv(path, name, spool, _required(schema), numbers, decimals)
        elif suffix == ".jsonl":
            fingerprint = _spool_jsonl(path, name, spool, _required(schema), numbers)
        else:
            fingerprint = _spool_parquet(path, name, spool, schema)
    except OSError as error:
        raise _UnreadableError(f"{name}: cannot be read: {error.strerror}") from error
    return ReceivedFile(spool, name, fingerprint.sha256, fingerprint.size, header, fingerprint.records, numbers.close())


def _spool_jsonl(path: Path, name: str, spool: Path, required: list[str], numbers: LineNumbers) -> Fingerprint:
    """Copy newline JSON, checked to be UTF-8.

    A line with a raw control character is no JSON, and might be no one line for the loader: it becomes a JSON text, its
    characters escaped, which landing sets aside.

    Raises:
        BadInputError: Not UTF-8, no record in it, or no record at all has a required field.
    """
    fingerprint = Fingerprint(hashlib.sha256())
    with path.open("rb") as handle, spool.open("w", encoding="utf-8", newline="") as out:
        for number, line in enumerate(lines_of(text_of(handle, name, fingerprint, refuse_nul=False)), start=1):
            record = line.rstrip("\r\n")
            if record:
                if not record.isprintable() and _CONTROL.search(record):
                    record = orjson.dumps(record).decode()
                fingerprint.records += 1
                numbers.see(fingerprint.records, number)
                out.write(f"{record}\n")
    if not fingerprint.records:
        raise BadInputError(f"{name}: the file is empty; expected a JSON object on every line")
    with spool.open("rb") as handle:
        lacking = _lacking(handle.readline(), required)
        if lacking:
            for text_line in handle:
                lacking = [column for column in lacking if column in _lacking(text_line, lacking)]
                if not lacking:
                    break
    check_required((column for column in required if column not in lacking), required, name)
    return fingerprint


def _lacking(line: bytes, required: list[str]) -> list[str]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return required
    return [column for column in required if column not in record] if isinstance(record, dict) else required


def _spool_parquet(path: Path, name: str, spool: Path, schema: ObjectSchema) -> Fingerprint:
    """Write a Parquet file as newline JSON of strings: the same rules apply to it as to the other formats.

    Raises:
        BadInputError: Not Parquet, without a required column, with amounts of a type that does not hold them, or with
            an id that is no whole number, or too large a one for its column to hold as it is.
    """
    fingerprint = Fingerprint(hashlib.sha256())
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            fingerprint.digest.update(chunk)
            fingerprint.size += len(chunk)
    # A name is a name, also `march[1].parquet`, and not a pattern of names.
    place = quote(glob.escape(str(path)))
    table = f"read_parquet({place})"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            kinds = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {table})").fetchall())  # noqa: S608
            wide = connection.execute(f"SELECT name FROM parquet_schema({place}) WHERE precision > 38").fetchall()  # noqa: S608
        except duckdb.Error:
            raise BadInputError(f"{name}: not a Parquet file, or a damaged one; write it again") from None
        columns = list(kinds)
        check_required(columns, _required(schema), name)
        amounts = {field.name for field in schema.fields if field.type == "decimal"}
        inexact = sorted(
            amounts & ({column for column in columns if kinds[column] == "FLOAT"} | {row[0] for row in wide})
        )
        if inexact:
            raise BadInputError(
                f"{name}: column {inexact[0]} is of a type that does not hold an amount as it is (a short float, or a "
                "decimal of more than 38 digits); write it as decimal(38, 18) or shorter, or as text"
            )
        texts = {column: f"CAST({identifier(column)} AS VARCHAR)" for column in columns}
        halves = connection.execute(f"SELECT name FROM parquet_schema({place}) WHERE logical_type LIKE '%loat16%'")  # noqa: S608
        largest = {column: _EXACT_BELOW[kind] for column, kind in kinds.items() if kind in _EXACT_BELOW}
        largest |= {column: _EXACT_BELOW_OF_HALF for (column,) in halves.fetchall() if column in largest}
        for field in schema.fields:
            kind = kinds.get(field.name, "")
            if schema.is_id(field) and (field.name in largest or kind.startswith("DECIMAL")):
                texts[field.name] = _whole_number(connection, table, field.name, largest.get(field.name), name)
        members = ", ".join(f"{quote(column)}, {text}" for column, text in texts.items())
        written = connection.execute(
            f"COPY (SELECT CAST(json_object({members}) AS VARCHAR) FROM {table}) TO {quote(str(spool))} "  # noqa: S608
            "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
        ).fetchone()
        fingerprint.records = int(written[0]) if written else 0
    return fingerprint


def _whole_number(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, exact_below: int | None, name: str
) -> str:
    """SQL of the digits of ids that a column holds as numbers with a point: 88001, not 88001.0.

    A table in which some row has no such id makes floats of the others; NaN is how it says none.

    Args:
        connection: Where the table is read.
        table: SQL of the file's rows.
        column: The ids.
        exact_below: The least number that may be another one; None where numbers are decimal.
        name: How errors name the file.

    Raises:
        BadInputError: One is no whole number, or too large.
    """
    number = identifier(column)
    is_none = "false" if exact_below is None else f"isnan({number})"
    is_exact = "true" if exact_below is None else f"abs({number}) < {exact_below}"
    odd = f"{number} IS NOT NULL AND NOT {is_none} AND NOT ({number} = trunc({number}) AND {is_exact})"
    row = connection.execute(
        f"SELECT min(place) FROM (SELECT row_number() OVER () AS place, {odd} AS is_odd FROM {table}) WHERE is_odd"  # noqa: S608
    ).fetchone()
    if row is not None and row[0] is not None:
        raise BadInputError(
            f"{name}, row {row[0]}: {column} is no whole number, or too large for a column of floats to hold as it is; "
            "write ids as text or as integers"
        )
    return f"CASE WHEN NOT {is_none} THEN CAST(CAST({number} AS HUGEINT) AS VARCHAR) END"
