"""The periodic reports: which are due, what a page says, that it prints, and how it is announced."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from report_publication import NAME, publish

from partner_warehouse.cli import main
from partner_warehouse.errors import BadInputError
from partner_warehouse.reports import pages
from partner_warehouse.reports.calendars import CALENDARS, GRAINS, is_due, period_end, period_name
from partner_warehouse.settings import ROOT, Settings

NEWEST = {"daily": "2026-10-11", "weekly": "2026-W41", "monthly": "2026-09", "quarterly": "2026-Q3", "yearly": "2025"}


@pytest.fixture
def published(settings: Settings) -> Settings:
    publish(settings)
    return settings


@pytest.mark.parametrize(
    ("grain", "first", "end", "name", "due"),
    [
        ("daily", date(2026, 2, 28), date(2026, 3, 1), "2026-02-28", date(2026, 3, 1)),
        ("weekly", date(2026, 12, 28), date(2027, 1, 4), "2026-W53", date(2027, 1, 4)),
        ("monthly", date(2026, 12, 1), date(2027, 1, 1), "2026-12", date(2027, 1, 3)),
        ("quarterly", date(2026, 10, 1), date(2027, 1, 1), "2026-Q4", date(2027, 1, 5)),
        ("yearly", date(2026, 1, 1), date(2027, 1, 1), "2026", date(2027, 1, 10)),
    ],
)
def test_periods_end_are_named_and_fall_due(grain, first: date, end: date, name: str, due: date) -> None:
    assert period_end(grain, first) == end
    assert period_name(grain, first) == name
    assert is_due(grain, first, due)
    assert not is_due(grain, first, date.fromordinal(due.toordinal() - 1))
    # A run of the report's own calendar falls on the day on which it is due.
    minute, hour, days, months, weekdays = CALENDARS[grain].cron.split()
    assert (minute, hour) == ("0", "7")
    assert days == "*" or int(days) == due.day
    assert months == "*" or str(due.month) in months.split(",")
    assert weekdays == "*" or int(weekdays) == due.isoweekday()


def test_what_is_due_comes_out_once_and_what_was_missed_comes_out_later(published: Settings) -> None:
    assert pages.due(published, date(2026, 10, 12)) == list(GRAINS)
    # On the first of October neither the month nor the quarter had had its days for what arrives late.
    assert pages.due(published, date(2026, 10, 1)) == ["yearly"]
    assert pages.write(published, "monthly").period == "2026-09"
    assert "monthly" not in pages.due(published, date(2026, 10, 12))


@pytest.mark.parametrize("grain", GRAINS)
def test_a_page_says_what_the_marts_say(published: Settings, grain) -> None:
    page = pages.write(published, grain)
    assert page.period == NEWEST[grain]
    assert (page.on_target, page.off_target) == (1, 1)
    text = page.path.read_text(encoding="utf-8")
    assert CALENDARS[grain].subject in text
    assert "on target" in text
    assert "no data" in text
    assert "2026-10-12 06:00 UTC" in text
    # Nothing is run, and nothing is fetched.
    assert not re.search(r"<script|https?://|url\(|@import|src=", text)
    assert [path for path in page.path.parent.iterdir() if path != page.path] == []


def test_a_months_page_has_bands_and_payouts_and_a_weeks_names_are_no_markup(published: Settings) -> None:
    month = pages.write(published, "monthly").path.read_text(encoding="utf-8")
    assert "200 to 400 %" in month
    assert "Payouts of the month" in month
    week = pages.write(published, "weekly").path.read_text(encoding="utf-8")
    assert NAME not in week
    assert "Alder &lt;b&gt;" in week
    assert "country FR" in pages.write(published, "quarterly").path.read_text(encoding="utf-8")


def test_a_period_that_is_not_there_is_refused(published: Settings, settings: Settings) -> None:
    with pytest.raises(BadInputError, match="no monthly report of 2019-01: expected one of 2025-01 to 2026-10"):
        pages.write(published, "monthly", "2019-01")


def test_nothing_published_is_said(settings: Settings) -> None:
    with pytest.raises(BadInputError, match="nothing is published"):
        pages.write(settings, "daily")


def test_the_command_writes_one_or_all(published: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reports", "quarterly", "--period", "2026-Q2"]) == 0
    assert "Strategy report 2026-Q2: 1 KPIs on target, 1 off target" in capsys.readouterr().out
    assert main(["reports"]) == 0
    written = {path.parent.name: path.stem for path in (published.home / "reports").rglob("*.html")}
    assert written.keys() == set(GRAINS)
    assert main(["reports", "--period", "2026-09"]) == 2


def test_the_dag_writes_what_is_due_and_announces_it(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    told: list[tuple[str, str]] = []
    monkeypatch.setattr(pages, "notify", lambda subject, text: told.append((subject, text)) or ["payouts_slack"])
    tasks = DagBag(ROOT / "dags" / "publish_reports.py").dags["publish_reports"].task_dict
    due = tasks["due"].python_callable
    run = SimpleNamespace(logical_date=None, run_after=datetime(2026, 10, 12, 7, tzinfo=UTC))
    assert due(params={"reports": []}, dag_run=run) == list(GRAINS)
    assert due(params={"reports": ["weekly"]}, dag_run=run) == ["weekly"]
    left = tasks["publish"].python_callable("monthly")
    assert left["told"] == ["payouts_slack"]
    assert told == [("Revenue report 2026-09: 1 KPIs on target", f"1 are off target.\n{left['page']}")]
    assert "monthly" not in due(params={"reports": []}, dag_run=run)


def test_a_page_opens_and_prints_in_a_browser(published: Settings, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (scripts/browser installs it): no report was opened in a browser")
    page = pages.write(published, "weekly").path
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    address = page.as_uri()
    shown = subprocess.run(
        [browser, *options, "--dump-dom", address], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert "<h1>Partners</h1>" in shown
    assert shown.count("<polyline") == 2
    printed = tmp_path / "page.pdf"
    subprocess.run(
        [browser, *options, "--no-pdf-header-footer", f"--print-to-pdf={printed}", address],
        capture_output=True,
        check=True,
        timeout=120,
    )
    content = printed.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
