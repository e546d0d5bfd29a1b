"""An installation adds objects and fields by configuration, and is told clearly what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from partner_warehouse.errors import BadInputError
from partner_warehouse.extract.freshness import freshness
from partner_warehouse.extract.ingest import ingest, objects
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import ensure_schema
from partner_warehouse.settings import Settings

CUSTOM = "objects:\n  Territory__c: {Id: text!, Name: text, Quota__c: decimal, SystemModstamp: instant!}\n"


@pytest.fixture
def additions(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of additions."""
    directory = home / "catalog"
    directory.mkdir()
    monkeypatch.setenv("PARTNER_WAREHOUSE_CATALOG", str(directory))
    return directory


def test_objects_are_added_and_fields_added_or_replaced(additions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load_catalog("salesforce").objects
    text = CUSTOM + "  Account: {Region__c: text, Segment__c: json}\n"
    (additions / "salesforce.yml").write_text(text)
    found = load_catalog("salesforce").objects
    assert list(found) == [*shipped, "Territory__c"]
    assert found["Territory__c"].key == "Id"
    columns = found["Account"].columns
    assert list(columns)[: len(shipped["Account"].fields)] == [field.name for field in shipped["Account"].fields]
    assert columns["Region__c"] == "VARCHAR"
    assert next(f.type for f in found["Account"].fields if f.name == "Segment__c") == "json"
    assert found["Territory__c"].envelope == shipped["Account"].envelope
    assert "Territory__c" not in load_catalog("hubspot").objects
    monkeypatch.delenv("PARTNER_WAREHOUSE_CATALOG")
    assert load_catalog("salesforce").objects == shipped


def test_a_changed_file_is_read_again(additions: Path) -> None:
    path = additions / "salesforce.yml"
    path.write_text(CUSTOM)
    assert "Territory__c" in load_catalog("salesforce").objects
    path.write_text(CUSTOM.replace("Territory__c", "Region__c"))
    os.utime(path, ns=(1, 1))
    assert "Region__c" in load_catalog("salesforce").objects


def test_an_added_object_has_its_columns_before_it_arrives(additions: Path, settings: Settings) -> None:
    (additions / "salesforce.yml").write_text(CUSTOM)
    ensure_schema(settings.landing_dir)
    path = settings.landing_dir / "salesforce" / "Territory__c" / "0-schema" / "data.parquet"
    with duckdb.connect() as connection:
        columns = connection.sql(f"SELECT * FROM read_parquet('{path}')").columns
    assert columns[:4] == ["Id", "Name", "Quota__c", "SystemModstamp"]


def test_an_object_that_the_installation_lacks_is_left_out_and_keeps_its_columns(
    additions: Path, settings: Settings
) -> None:
    (additions / "salesforce.yml").write_text("leave_out: [Deal_Registration__c]\n" + CUSTOM)
    assert "Deal_Registration__c" not in objects("salesforce")
    assert "Territory__c" in objects("salesforce")
    assert "Deal_Registration__c" not in {one.object for one in freshness(settings)}
    ensure_schema(settings.landing_dir)
    assert (settings.landing_dir / "salesforce" / "Deal_Registration__c" / "0-schema" / "data.parquet").exists()
    with pytest.raises(BadInputError, match="no object 'Deal_Registration__c'"):
        ingest("salesforce", "Deal_Registration__c", settings)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "salesforce.yml",
            "objects:\n  X__c: {Id: text!, Size__c: number}",
            ("X__c", "Size__c", "'number'", "decimal"),
        ),
        ("salesforce.yml", "objects:\n  X__c: {Id: text}", ("X__c", "key Id", "Id: text!")),
        ("salesforce.yml", "objects:\n  X__c: {Id: text!, Size__c: 3}", ("X__c", "Size__c", "Size__c: text")),
        ("salesforce.yml", "objects:\n  X__c: {Id: text!, 'A FROM B': text}", ("X__c", "A FROM B", "letters")),
        ("salesforce.yml", "objects:\n  X__c: {Id: text!, _raw: text}", ("X__c", "_raw", "letter first")),
        ("salesforce.yml", "objects:\n  ../X: {Id: text!}", ("../X", "letters")),
        ("salesforce.yml", "objects:\n  X__c: []", ("X__c", "declare its fields")),
        ("salesforce.yml", "objects:\n  account: {Id: text!}", ("account", "Account already")),
        ("salesforce.yml", "objects:\n  Account: {name: text}", ("Account", "name", "Name already")),
        ("salesforce.yml", "objects:\n  Account: {Id: text}", ("Account", "key Id", "Id: text!")),
        ("salesforce.yml", "objects: [", ("line 1", "not YAML")),
        ("salesforce.yml", "X__c: {Id: text!}", ("objects:",)),
        ("salesforce.yml", "source: hubspot\nobjects: {X: {id: text!}}", ("'hubspot'", "name the file")),
        ("salesforce.yml", "freshness: {Acount: {looked: 3}}", ("no object 'Acount'", "Account")),
        ("salesforce.yml", "freshness: {Account: 3}", ("freshness of Account", "whole hours")),
        ("salesforce.yml", "freshness: {Account: {looked: 0.5}}", ("freshness of Account", "whole hours")),
        ("salesforce.yml", "freshness: {Account: {seen: 3}}", ("freshness of Account", "looked: <hours>")),
        ("salesforce.yml", "leave_out: Account", ("leave_out", "a list")),
        ("salesforce.yml", "leave_out: [Acount]", ("leave_out", "'Acount'", "Account")),
        ("salesfroce.yml", CUSTOM, ("no source of this name", "salesforce")),
    ],
)
def test_a_wrong_addition_is_refused_by_file_object_field_and_remedy(
    additions: Path, name: str, text: str, said: tuple[str, ...]
) -> None:
    (additions / name).write_text(text)
    with pytest.raises(BadInputError) as refused:
        load_catalog("salesforce")
    assert str(additions / name) in str(refused.value)
    for part in said:
        assert part in str(refused.value)


def test_a_directory_that_is_none_is_refused(additions: Path) -> None:
    additions.rmdir()
    with pytest.raises(BadInputError, match="PARTNER_WAREHOUSE_CATALOG"):
        load_catalog("salesforce")
