"""The documentation of the sources says what the catalog says, and its links lead somewhere."""

from __future__ import annotations

import re

import pytest

from partner_warehouse.landing.catalog import FILE_COMMON, load_catalog
from partner_warehouse.settings import DBT_PROJECT, ROOT

PULLED = re.compile(r"^\| `(\w+)` \| .+ \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)")
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


@pytest.mark.parametrize("source", ["salesforce", "hubspot", "stripe", "events"])
def test_the_page_of_a_source_has_its_objects_and_the_models_that_read_them(source: str) -> None:
    rows = PULLED.findall((ROOT / "docs" / "sources" / f"{source}.md").read_text(encoding="utf-8"))
    assert [name for name, _ in rows] == list(load_catalog(source).objects)
    told = {(name, model) for name, models in rows for model in re.findall(r"`(\w+)`", models)}
    read = {
        (name, path.stem.removeprefix(f"stg_{source}__"))
        for path in (DBT_PROJECT / "models" / "staging" / source).glob("stg_*.sql")
        for name in re.findall(rf"source\('{source}', '(\w+)'\)", path.read_text(encoding="utf-8"))
    }
    # What two versions of a payment disagree about is a table of reports, and not what the object becomes.
    assert told == {(name, model) for name, model in read if model != "amount_conflicts"}


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve() if target else page
            assert path.exists(), f"{page.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
                assert anchor in anchors, f"{page.name}: {target}#{anchor}"
