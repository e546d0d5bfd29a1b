"""A gate lets whole data pass, and stops broken data with its table, expectation, count and keys."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from partner_warehouse.errors import BadInputError, GateFailedError
from partner_warehouse.quality import docs_page, gates, suites
from partner_warehouse.settings import Settings


def _suite(directory: Path, table: str, key: list[str], *expectations: dict[str, object]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    document = {"name": table, "meta": {"key": key}, "expectations": list(expectations)}
    (directory / f"{table}.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with one broken table, and the suites of the gate `marts` that see it."""
    directory = tmp_path / "expectations"
    _suite(
        directory / "marts",
        "finance.lines",
        ["line_id"],
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "line_id"}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "amount", "min_value": 0},
            "meta": {"about": "An amount is not negative."},
        },
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "currency", "regex": "^[A-Z]{3}$"}},
        {
            "type": "unexpected_rows_expectation",
            "kwargs": {"unexpected_rows_query": "select * from {batch} where amount > 5"},
            "meta": {"about": "Five is the most."},
        },
    )
    monkeypatch.setattr(gates, "load_suites", lambda stage: suites.load_suites(stage, directory))
    database = tmp_path / "subject.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE SCHEMA finance")
        connection.execute(
            "CREATE TABLE finance.lines AS SELECT 'line ' || range AS line_id, "
            "CAST(CASE WHEN range IN (3, 7) THEN -1 WHEN range = 8 THEN 6 ELSE 1 END AS DECIMAL(18, 3)) AS amount, "
            "'USD' AS currency, 'someone@example.org' AS email FROM range(20)"
        )
    return database


def test_a_broken_expectation_is_named_with_its_rows(subject: Path, settings: Settings) -> None:
    with pytest.raises(GateFailedError) as stopped:
        gates.check("marts", settings, database=subject)
    message = str(stopped.value)
    first, *_ = message.splitlines()
    assert first == "gate marts: 2 of 4 expectations failed"
    assert "finance.lines.amount: expect_column_values_to_be_between: 2 rows" in message
    assert "line_id=line 3, line_id=line 7" in message
    assert "An amount is not negative." in message
    assert "unexpected_rows_expectation: 1 rows" in message
    assert "line_id=line 8" in message
    assert "example.org" not in message


def test_results_and_data_docs_are_kept_even_then(subject: Path, settings: Settings) -> None:
    with pytest.raises(GateFailedError):
        gates.check("marts", settings, database=subject)
    kept = json.loads((settings.home / "gates/results/marts.json").read_text(encoding="utf-8"))
    assert [entry["success"] for entry in kept] == [True, False, True, False]
    assert gates.data_docs(settings, "marts").exists()


def test_the_page_of_a_gate_needs_nothing_but_itself_and_shows_keys_alone(subject: Path, settings: Settings) -> None:
    page = gates.data_docs(settings, "marts")
    stale = page.parent / "validations"
    stale.mkdir(parents=True)
    with pytest.raises(GateFailedError):
        gates.check("marts", settings, database=subject)
    text = page.read_text(encoding="utf-8")
    assert "2 of 4 expectations failed" in text
    assert "line_id=line 8" in text
    assert "Five is the most." in text
    assert "example.org" not in text
    # Neither another host nor another file: what is shown is in the page.
    assert not re.findall(r"https?:|//|<link|<script|\bsrc=|@import|url\(", text)
    assert [entry.name for entry in page.parent.iterdir()] == ["index.html"]


def test_what_a_suite_says_cannot_become_markup() -> None:
    row = {
        "table_schema": "finance",
        "table_name": "<i>",
        "expectation": "expect",
        "column": None,
        "success": False,
        "checked": None,
        "unexpected": 1,
        "sample_keys": ["id=<script>alert(1)</script>"],
        "about": "a < b & c",
        "checked_at": "2026-04-01T00:00:00+00:00",
    }
    text = docs_page.render("marts", [row])
    assert "<script>" not in text
    assert "<i>" not in text
    assert "a &lt; b &amp; c" in text


def test_whole_data_passes(subject: Path, settings: Settings) -> None:
    with duckdb.connect(str(subject)) as connection:
        connection.execute("UPDATE finance.lines SET amount = 1")
    result = gates.check("marts", settings, database=subject)
    assert not result.failed
    assert len(result.results) == 4


def test_a_missing_table_does_not_pass(subject: Path, settings: Settings) -> None:
    with duckdb.connect(str(subject)) as connection:
        connection.execute("DROP TABLE finance.lines")
    with pytest.raises(GateFailedError, match="expect_table_to_exist"):
        gates.check("marts", settings, database=subject)


def test_a_gate_without_suites_is_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "load_suites", lambda stage: ())
    with pytest.raises(BadInputError, match="holds no suite"):
        gates.check("marts", settings)


@pytest.mark.parametrize("stage", suites.STAGES)
def test_every_suite_of_the_project_can_be_read(stage: suites.Stage) -> None:
    found = suites.load_suites(stage)
    assert found, f"no suite guards {stage}"
    for suite in found:
        assert suite.key
        assert all(entry["meta"].get("about") for entry in suite.expectations), suite.name


def test_a_file_that_is_no_suite_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "marts").mkdir()
    (tmp_path / "marts" / "finance.x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"finance\.x\.json.*meta\.key"):
        suites.load_suites("marts", tmp_path)
