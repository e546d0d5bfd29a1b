"""March 2026 in three currencies, and an account for everybody who is paid."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import bank_vault

from partner_warehouse.settings import ROOT

sys.path.append(str(ROOT / "tests" / "ledger"))

import ledger_publication

APPROVED_AT = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
"""A Thursday."""

LINES = [
    ledger_publication.line("e1", "1250.40", "2026-03-05", partner_id="p-eur-1", currency="EUR"),
    ledger_publication.line("e2", "99.60", "2026-03-06", partner_id="p-eur-2", currency="EUR"),
    ledger_publication.line("u1", "300.00", "2026-03-07", partner_id="p-usd-1"),
    ledger_publication.line("u2", "41.07", "2026-03-08", partner_id="p-usd-2"),
    ledger_publication.line("u3", "7.00", "2026-03-08", partner_id="=cmd|' /C calc'!A0"),
    ledger_publication.line("j1", "125000", "2026-03-09", partner_id="p-jpy-1", currency="JPY"),
    ledger_publication.line("c1", "-20.00", "2026-03-09", partner_id="p-owing"),
]
PARTNERS = [
    bank_vault.sepa("p-eur-1", holder="Société Générale d'Éclairage"),
    bank_vault.sepa("p-eur-2", iban="NL91ABNA0417164300"),
    bank_vault.ach("p-usd-1"),
    bank_vault.ach("p-usd-2", account_type="savings", holder_type="individual"),
    bank_vault.ach("=cmd|' /C calc'!A0"),
    bank_vault.wire("p-jpy-1"),
]
