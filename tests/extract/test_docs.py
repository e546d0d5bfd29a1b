"""The documentation of the file drop says what the catalog says."""

from __future__ import annotations

import re

from partner_warehouse.landing.catalog import FILE_COMMON, load_catalog
from partner_warehouse.settings import ROOT

ROW = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)


def documented(columns: str) -> list[tuple[str, str, bool]]:
    found = []
    for column in columns.split(", "):
        match = re.fullmatch(r"(\*\*)?(\w+)(?:\*\*)?(?: \((\w+)\))?", column)
        assert match is not None, column
        found.append((match[2], match[3] or "text", match[1] is not None))
    return found


def test_the_table_is_the_catalog() -> None:
    text = (ROOT / "docs" / "file-drop.md").read_text(encoding="utf-8")
    expected = {
        schema.name: [(f.name, f.type, f.required) for f in schema.fields if f.name not in FILE_COMMON]
        for schema in load_catalog("files").objects.values()
    }
    assert {name: documented(columns) for name, columns in ROW.findall(text)} == expected
