"""A cell opens as the text that it is, in whichever spreadsheet."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

from partner_warehouse.exports.cells import csv_bytes, safe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("x;=1+1", "x;'=1+1"),
        ("x;y;@A1\t-2", "x;y;'@A1\t'-2"),
        ("x\r\n+1", "x\r\n'+1"),
        ('x;"=1+1', "x;'\"=1+1"),
        ("x;\uff1d1", "x;'\uff1d1"),
    ],
)
def test_what_would_be_a_formula_gets_an_apostrophe(text: str, expected: str) -> None:
    assert safe(text) == expected


@pytest.mark.parametrize(
    "value",
    ["Smith; Sons", "a;b", "R&D; -5 % off", "a-b=c", "two\nlines", "mail@example.com", "", None, 5, Decimal("-1.50")],
)
def test_other_texts_and_numbers_stay(value: object) -> None:
    assert safe(value) == value


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_the_list_separator(separator: str) -> None:
    texts = ["=1", "x;=1+1", 'x;"=1+1', "x;y\t=1", "x,\n=1", ";=1", "\t=1"]
    written = csv_bytes(["id", "first", "second"], [{"id": "1", "first": one, "second": "x"} for one in texts])
    cells = [cell for row in csv.reader(written.decode().splitlines(True), delimiter=separator) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
