"""A month that is approved, in several currencies, and a vault that knows most of who is paid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import bank_vault
import pytest
from exported_month import APPROVED_AT, LINES, PARTNERS, ledger_publication

from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.settings import Settings, load_settings


@pytest.fixture
def installation(home: Path, tmp_path: Path) -> Settings:
    """With a plan without a minimum, and one approver."""
    plans = ledger_publication.plans(tmp_path / "plans", base="")
    settings = load_settings(plans=plans, approvers=("ben",))
    ledger_publication.publish(settings, LINES)
    return settings


@pytest.fixture
def service_at(installation: Settings) -> Callable[[datetime], PayoutService]:
    """The service at an instant."""
    return lambda instant: PayoutService(installation, clock=lambda: instant)


@pytest.fixture
def approved(installation: Settings, service_at: Callable[[datetime], PayoutService]) -> PayoutService:
    """March 2026, approved on 2 April."""
    service = service_at(APPROVED_AT)
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    service.approve("2026-03", "ben")
    return service


@pytest.fixture
def vault_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A vault with everybody's account."""
    return bank_vault.fill(tmp_path / "vault.sqlite", monkeypatch, PARTNERS)


@pytest.fixture
def directory(home: Path) -> Path:
    """Where March is exported to."""
    return home / "exports" / "2026-03"
