"""Cells that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are = + - @ in full width, which East Asian spreadsheets take for them."""

_GOES_ON_AS_A_FORMULA = re.compile(r"""(?<=[;\t\r\n])(?="*[=+\-@|%\uff1d\uff0b\uff0d\uff20])""")
"""Inside a text, where a cell begins for a spreadsheet that parts by semicolons or tabs, and to which our quotes are
none, since they are not at a cell's beginning; a quote before the formula does not keep it from being one."""


def safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay numbers.

    So does the rest of a text, after a semicolon, tab or line break: a spreadsheet with another list separator than
    the comma begins a cell there.
    """
    if not isinstance(value, str):
        return value
    text = _GOES_ON_AS_A_FORMULA.sub("'", value)
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def write_csv(target: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with a header, lines ended by a line feed, empty for null, every text made safe."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([safe(row[name]) for name in columns] for row in rows)


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The same as a file's content, UTF-8."""
    text = io.StringIO(newline="")
    write_csv(text, columns, rows)
    return text.getvalue().encode("utf-8")
