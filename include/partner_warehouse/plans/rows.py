"""The rows of a plan file, and the values in them; what cannot be read is noted with its row, field and remedy."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb

from partner_warehouse.plans.files import AS_TEXT

PlanKey = tuple[str, str]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a plan file.

    Attributes:
        number: The line of the file that it begins in; the header is 1.
    """

    file: str
    number: int
    values: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def plan(self) -> PlanKey:
        """The plan version that the row is of."""
        return self["plan_id"], self["version"]


@dataclass(slots=True)
class Findings:
    """What is wrong, in the order found."""

    messages: list[str] = field(default_factory=list)

    def add(self, row: Row, name: str, problem: str) -> None:
        """Note a fault of one field."""
        self.messages.append(f"{row.file}, row {row.number}, field {name}: {problem}")


class _Reader(Protocol):
    """Of the standard library, which does not name its type."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def read_rows(
    directory: Path, name: str, columns: Sequence[str], findings: Findings, *, optional: bool = False
) -> list[Row]:
    """The rows of one file, trimmed; none where an optional file is absent."""
    path = directory / f"{name}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _rows(path.name, csv.reader(file, strict=True), columns, findings)
    except UnicodeDecodeError as error:
        findings.messages.append(f"{path.name}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8")
    except FileNotFoundError:
        if not optional:
            findings.messages.append(f"{path.name}: the file is missing; its columns are {', '.join(columns)}")
    except OSError as error:
        findings.messages.append(
            f"{path.name}: cannot be read ({error.strerror}); it must be a readable file, and its directory searchable"
        )
    except csv.Error as error:
        findings.messages.append(f"{path.name}: not CSV ({error}); look for a quote that is not closed, or not doubled")
    return []


def _rows(file: str, reader: _Reader, columns: Sequence[str], findings: Findings) -> list[Row]:
    header = next(reader, [])
    missing = [column for column in columns if column not in header]
    if len(header) == 1 and ";" in header[0]:
        findings.messages.append(
            f"{file}, row 1: values are separated by semicolons, not commas; save the file as CSV with commas and a "
            "decimal point (Excel takes both from the list and decimal separators of the system's region)"
        )
        return []
    if missing:
        findings.messages.append(f"{file}, row 1: missing columns {', '.join(missing)}; the header names the columns")
        return []
    folded = [name.strip().casefold() for name in header]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        findings.messages.append(f"{file}, row 1: column {', '.join(twice)} is there twice; keep one")
        return []
    rows: list[Row] = []
    begins = reader.line_num + 1
    for cells in reader:
        # A row with a line break in a quoted value has several lines.
        number, begins = begins, reader.line_num + 1
        if not cells:
            continue
        if len(cells) != len(header):
            findings.messages.append(
                f"{file}, row {number}, field {header[min(len(cells), len(header) - 1)]}: the row has "
                f"{len(cells)} values and the header {len(header)}; put a comma for each empty value, and quotes "
                "around a value with a comma"
            )
            continue
        record = dict(zip(header, cells, strict=True))
        # Spaces alone are trimmed, as the models do: another blank would be part of a name.
        rows.append(Row(file, number, {column: record[column].strip(" ") for column in columns}))
    return rows


def check_read_alike(path: Path, rows: Sequence[Row], findings: Findings) -> None:
    """The models read the file with DuckDB: what it understands otherwise, as mixed line ends, must not get there."""
    if not path.exists():
        return
    problem = "is not plain CSV; save it again with commas, double quotes, and one kind of line end"
    with duckdb.connect() as connection:
        try:
            found = connection.execute(f"SELECT * FROM {AS_TEXT}", [str(path)])  # noqa: S608
            names = [column[0] for column in found.description or ()]
            read = [dict(zip(names, (cell or "" for cell in record), strict=True)) for record in found.fetchall()]
        except duckdb.Error:
            findings.messages.append(f"{path.name}: {problem}")
            return
    ours = [row.values for row in rows]
    theirs = [{name: row[name].strip(" ") for name in ours[0]} for row in read] if ours and read else []
    after = rows[-1].number + 1 if rows else 2
    for row, other in zip_longest(rows, theirs):
        if row is None or row.values != other:
            findings.messages.append(f"{path.name}, row {row.number if row else after}: {problem}")
            return


RESERVED = ("none", "unassigned")
"""What the reports write where there is no programme or tier; nothing else is called so, in whichever letters."""


def one_of(row: Row, name: str, allowed: Iterable[str], findings: Findings, *, required: bool = True) -> bool:
    """Whether a value is one of those that are allowed, or may be empty and is; else that is noted."""
    value = row[name]
    if value in set(allowed) or (not value and not required):
        return True
    findings.add(row, name, f"{value!r} is not one of {', '.join(allowed)}")
    return False


def not_reserved(row: Row, name: str, findings: Findings) -> None:
    """Note a name that the reports write where there is none."""
    if row[name].casefold() in RESERVED:
        findings.add(row, name, f"{row[name]!r} is what the reports call things without one; use another name")


def _parsed(
    row: Row, name: str, findings: Findings, parse: Callable[[str], _Value], expected: str, required: bool
) -> _Value | None:
    value = row[name]
    if not value:
        if required:
            findings.add(row, name, f"is empty; expected {expected}")
        return None
    try:
        return parse(value)
    except (ValueError, InvalidOperation):
        findings.add(row, name, f"{value!r} is not {expected}")
        return None


def day(row: Row, name: str, findings: Findings, *, required: bool = False) -> date | None:
    """A date; None where there is none, which is noted if it is required, and where it was noted that it is no date."""

    def parse(text: str) -> date:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)

    return _parsed(row, name, findings, parse, "a date YYYY-MM-DD", required)


def whole_number(
    row: Row,
    name: str,
    findings: Findings,
    *,
    at_least: int = 0,
    at_most: int = 999_999_999,
    required: bool = False,
) -> int | None:
    """A whole number within its limits; None as for a day."""

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not at_least <= int(text) <= at_most:
            raise ValueError(text)
        return int(text)

    return _parsed(row, name, findings, parse, f"a whole number from {at_least} to {at_most}", required)


def number_of(
    row: Row,
    name: str,
    findings: Findings,
    *,
    decimals: int,
    required: bool = False,
    at_most: Decimal | None = None,
) -> Decimal | None:
    """A number within its limits, exactly as it is written; None as for a day."""
    limits = "from 0 on" if at_most is None else f"from 0 to {at_most}"
    # The models hold 18 digits; one is left for sums.
    most = Decimal(10) ** (17 - decimals) if at_most is None else at_most

    def parse(text: str) -> Decimal:
        if not _NUMBER.fullmatch(text):
            raise ValueError(text)
        number = Decimal(text)
        exponent = number.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > decimals or not 0 <= number <= most:
            raise ValueError(text)
        return number

    return _parsed(
        row,
        name,
        findings,
        parse,
        f"a number {limits} with at most {decimals} decimals (a point before them, no thousands separator)",
        required,
    )


_WHOLE = re.compile(r"0|[1-9][0-9]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
