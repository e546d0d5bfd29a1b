"""CSV as it is agreed for the file drop, read row by row into newline JSON: an object of strings per row.

The dialect is fixed (RFC 4180: comma, double quotes, a header; UTF-8 with or without a byte order mark), because a
guessed one is wrong in silence. What does not follow it is refused with the line and the remedy.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

import orjson

from partner_warehouse.errors import BadInputError

MAX_VALUE_CHARACTERS = 4 * 1024 * 1024
"""The longest value that is accepted; a quote that is never closed would run to the end of the file."""

_CHUNK = 1 << 20
_EXCEL_HINT = "sep="
_LONE_RETURN = "new-line character seen in unquoted field"
"""How `csv` begins to say that a CR stands alone."""
_FOREIGN_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(slots=True)
class Fingerprint:
    """What was read of a file so far: hash and size of its bytes, and the records in them."""

    digest: hashlib._Hash
    size: int = 0
    records: int = 0

    @property
    def sha256(self) -> str:
        """Hexadecimal."""
        return self.digest.hexdigest()


class LineNumbers:
    """Where records start, for those whose line does not follow from their number.

    A value with a line break, or an empty line, moves all that follow. Only where the distance changes is an entry
    written, to a file: a file of any size takes no memory.

    Args:
        path: Where to write, `<record>,<lines that it lies further down>`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out: TextIO | None = None
        self._moved = 0

    def see(self, record: int, line: int) -> None:
        """Take down where a record starts, both counted from 1, a header not counted."""
        moved = line - record
        if moved != self._moved:
            self._moved = moved
            if self._out is None:
                self._out = self._path.open("w", encoding="ascii")
            self._out.write(f"{record},{moved}\n")

    def close(self) -> Path | None:
        """The file; None where every record lies on the line of its number."""
        if self._out is None:
            return None
        self._out.close()
        return self._path


def text_of(handle: BinaryIO, name: str, fingerprint: Fingerprint, *, refuse_nul: bool = True) -> Iterator[str]:
    """The file's text in pieces, checked to be UTF-8, a leading byte order mark left out.

    Args:
        handle: The open file.
        name: How errors name it.
        fingerprint: Filled on the way.
        refuse_nul: Whether a NUL character refuses the file.

    Raises:
        BadInputError: Not UTF-8, or a NUL character; the message has the line.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
    lines = 1
    while True:
        chunk = handle.read(_CHUNK)
        fingerprint.digest.update(chunk)
        fingerprint.size += len(chunk)
        if chunk.startswith((b"\xff\xfe", b"\xfe\xff")) and fingerprint.size == len(chunk):
            raise BadInputError(f"{name}: the file is UTF-16; save it as UTF-8")
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = lines + bytes(error.object[: error.start]).count(b"\n")
            raise BadInputError(
                f"{name}, line {line}: not UTF-8 (perhaps Windows-1252); save the file as UTF-8"
            ) from None
        if refuse_nul and "\0" in text:
            line = lines + text[: text.index("\0")].count("\n")
            raise BadInputError(f"{name}, line {line}: a NUL character; this is no text file")
        if text:
            lines += text.count("\n")
            yield text
        if not chunk:
            return


def lines_of(pieces: Iterable[str]) -> Iterator[str]:
    """Physical lines with their ends, which may be LF or CR LF, as `csv.reader` wants them."""
    rest = ""
    for piece in pieces:
        text = rest + piece
        # A CR at the very end may be half of a CR LF.
        held = "\r" if text.endswith("\r") else ""
        lines = text.removesuffix("\r").split("\n") if held else text.split("\n")
        rest = lines.pop() + held
        for line in lines:
            yield line + "\n"
    if rest:
        yield rest


def read_header(rows: Iterator[list[str]], name: str) -> tuple[str, ...]:
    """The column names.

    Raises:
        BadInputError: No header, or another delimiter.
    """
    header = next(rows, None)
    if not header:
        raise BadInputError(f"{name}: the file is empty; expected a header line with the column names")
    columns = tuple(column.strip() for column in header)
    if columns[0].lower().startswith(_EXCEL_HINT):
        raise BadInputError(
            f"{name}: the first line is a spreadsheet's hint, sep=; save the file with commas, without it"
        )
    if len(columns) == 1:
        for delimiter, called in _FOREIGN_DELIMITERS.items():
            if delimiter in columns[0]:
                raise BadInputError(f"{name}: columns are separated by {called}; save the file with commas")
    return columns


def spool_csv(
    source: Path,
    name: str,
    spool: Path,
    required: Iterable[str],
    numbers: LineNumbers,
    decimals: Iterable[str] = (),
) -> tuple[Fingerprint, tuple[str, ...]]:
    """Write a CSV file as newline JSON. A row that does not fit the header becomes an array, which landing sets aside.

    Args:
        source: The file; it is only read.
        name: How errors name it.
        spool: Where to write.
        required: Columns that the header must have.
        numbers: Filled on the way; the header's last line is line 0, where it has one line.
        decimals: The columns of numbers.

    Returns:
        The fingerprint of the bytes read, and the header.

    Raises:
        BadInputError: The file as a whole cannot be taken.
    """
    fingerprint = Fingerprint(hashlib.sha256())
    csv.field_size_limit(MAX_VALUE_CHARACTERS)
    with source.open("rb") as handle, spool.open("wb") as out:
        reader = csv.reader(lines_of(text_of(handle, name, fingerprint)), strict=True)
        started = 1
        try:
            header = read_header(reader, name)
            check_distinct(header, required, name)
            check_required(header, required, name)
            width = len(header)
            started = reader.line_num + 1
            notation = Notation(header, decimals)
            for row in reader:
                if any(row):
                    notation.see(row)
                    record = dict(zip(header, row, strict=True)) if len(row) == width else row
                    fingerprint.records += 1
                    numbers.see(fingerprint.records, started - 1)
                    out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                started = reader.line_num + 1
        except csv.Error as error:
            place = f"{name}, row that starts on line {started}"
            if str(error).startswith(_LONE_RETURN):
                raise BadInputError(
                    f"{place}: a carriage return (CR) that ends no line; end lines with LF or CR LF, as spreadsheets "
                    'do for "CSV UTF-8", and put values with line breaks in double quotes'
                ) from None
            raise BadInputError(
                f"{place}: {error}; put values with commas, quotes or line breaks in "
                'double quotes, and write a quote inside them as ""'
            ) from None
    notation.check(spool, name)
    return fingerprint, header


class Notation:
    """Watches how a file writes its numbers.

    A number with a decimal comma is set aside by itself, as what it is. But where a column has one, `1.500` of the same
    column is probably fifteen hundred, and would land as one and a half.

    Args:
        header: The columns.
        decimals: Those of numbers.
    """

    def __init__(self, header: Sequence[str], decimals: Iterable[str]) -> None:
        self._places = [(header.index(column), column) for column in decimals if column in header]
        self._with_comma: set[str] = set()

    def see(self, row: Sequence[str]) -> None:
        """Take a row into account."""
        for place, column in self._places:
            if place < len(row) and "," in row[place] and _DECIMAL_COMMA.fullmatch(row[place].strip()):
                self._with_comma.add(column)

    def check(self, spool: Path, name: str) -> None:
        """Look through the spooled rows, where a column has decimal commas.

        Raises:
            BadInputError: A number in it may be another one than it seems.
        """
        if not self._with_comma:
            return
        with spool.open("rb") as rows:
            for number, line in enumerate(rows, start=1):
                record = orjson.loads(line)
                for column in sorted(self._with_comma) if isinstance(record, dict) else ():
                    if _THOUSANDS.fullmatch(record[column].strip()):
                        raise BadInputError(
                            f"{name}, row {number}: {column} may be in thousands, because other rows have decimal "
                            "commas; write all numbers as 1234.50 and save the file again"
                        )


_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})*,\d+|[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+")


def check_required(columns: Iterable[str], required: Iterable[str], name: str) -> None:
    """Refuse a file that lacks a column.

    Raises:
        BadInputError: Names file, columns and remedy.
    """
    present = set(columns)
    missing = [column for column in required if column not in present]
    if missing:
        # Where no name fits, the first line is probably a record: what it holds is not for a message.
        is_header = {column.lower() for column in present} & {column.lower() for column in required}
        has = f"the file has {', '.join(sorted(present))}" if is_header else "the file names none of its columns"
        raise BadInputError(
            f"{name}: required column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing; "
            f"{has}. Add what is missing and save the file again"
        )


def check_distinct(header: Sequence[str], required: Iterable[str], name: str) -> None:
    """Refuse a header with a name twice.

    Raises:
        BadInputError: Names file, column and remedy; one that nobody requires by its place, as it may be a value.
    """
    for place, column in enumerate(header, start=1):
        if header.index(column) + 1 < place:
            called = repr(column) if column in required else f"of place {place}"
            raise BadInputError(f"{name}: the header has the column {called} twice; every column needs its own name")
