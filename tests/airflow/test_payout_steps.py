"""What the tasks of `monthly_payouts` do with a month, without a scheduler around them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from partner_warehouse import payout_steps, pipeline
from partner_warehouse.errors import NotAllowedError
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.orchestration import SERVICE_USER, statement
from partner_warehouse.settings import ROOT, Settings, load_settings

sys.path += [str(ROOT / "tests" / "ledger"), str(ROOT / "tests" / "exports")]

import bank_vault
import ledger_publication

PERIOD = "2026-03"
YES = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "fiona"}}
NO = {"chosen_options": ["Reject"], "responded_by_user": {"id": "1", "name": "fiona"}}


@pytest.fixture
def installation(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = load_settings(plans=ledger_publication.plans(tmp_path / "plans", base=""), approvers=("fiona",))
    ledger_publication.publish(settings, [ledger_publication.line("a", "10.00", "2026-03-05")])
    bank_vault.fill(tmp_path / "vault.sqlite", monkeypatch, [])
    return settings


@pytest.fixture
def shown(installation: Settings) -> str:
    """The month is submitted; the hash of what a person is shown."""
    payout_steps.draft(installation, PERIOD)
    told = statement(PayoutService(installation).submit(PERIOD, SERVICE_USER))
    assert told["sums"] == "10.00 USD to 1 partner"
    found: str = told["content_hash"]
    return found


def test_an_approval_posts_and_exports_and_counts_what_is_in_no_bank_file(installation: Settings, shown: str) -> None:
    posted = payout_steps.post(installation, PERIOD, YES | {"params_input": {"reason": " as agreed "}}, shown)
    assert posted == {"period": PERIOD, "approved_by": "fiona", "content_hash": shown}
    assert PayoutService(installation).log(PERIOD)[-1].reason == "as agreed"
    exported = payout_steps.export(installation, PERIOD)
    assert exported == {"period": PERIOD, "exceptions": 1, "has_bank_files": True}
    # As a task that is cleared does it.
    assert payout_steps.export(installation, PERIOD) == exported
    with pytest.raises(AirflowSkipException, match="2026-03 is exported already"):
        payout_steps.draft(installation, PERIOD)


def test_no_answer_and_another_answer_post_nothing(installation: Settings, shown: str) -> None:
    for answer in (None, NO):
        with pytest.raises(NotAllowedError):
            payout_steps.post(installation, PERIOD, answer, shown)
    for answer in (None, YES):
        with pytest.raises(AirflowSkipException):
            payout_steps.reject(installation, PERIOD, answer)
    payout_steps.reject(installation, PERIOD, NO | {"params_input": {"reason": "the March billing is not whole"}})
    state = PayoutService(installation).state(PERIOD)
    assert state is not None
    assert state.status == "draft"
    assert PayoutService(installation).log(PERIOD)[-1].reason == "the March billing is not whole"


def test_a_refresh_is_made_once_for_what_the_ledger_says(
    installation: Settings, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed: list[str] = []
    published = {"status": "approved"}
    monkeypatch.setattr(pipeline, "after_posting", lambda _: refreshed.append("refresh"))
    monkeypatch.setattr(pipeline, "publishes", lambda _, state: published["status"] == state.status)
    with pytest.raises(AirflowSkipException):
        payout_steps.refresh(installation, None)
    posted = payout_steps.post(installation, PERIOD, YES, shown)
    payout_steps.refresh(installation, posted)
    assert refreshed == []
    payout_steps.export(installation, PERIOD)
    payout_steps.refresh(installation, posted)
    assert refreshed == ["refresh"]


def test_a_refresh_of_a_warehouse_that_is_not_whole_is_skipped(
    installation: Settings, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is landed; the publication is no other than before, so nobody is told of a new one."""
    monkeypatch.setattr(pipeline, "publishes", lambda *_: False)
    posted = payout_steps.post(installation, PERIOD, YES, shown)
    with pytest.raises(AirflowSkipException, match="posted, and not published yet: the warehouse is not whole"):
        payout_steps.refresh(installation, posted)
    landed = installation.landing_dir / "ledger" / "payout_lines"
    assert len(list(landed.glob("2*/data.parquet"))) == 1
