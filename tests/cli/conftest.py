"""An installation with a publication made by hand; what comes after a posting is only noted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from ledger_publication import line, plans, publish

from partner_warehouse import pipeline
from partner_warehouse.quality import gates
from partner_warehouse.settings import load_settings


@pytest.fixture
def refreshed(home, tmp_path, monkeypatch) -> list[str]:
    """The installation; gets the name of each step that follows a posting."""
    monkeypatch.setenv("PARTNER_WAREHOUSE_APPROVERS", "ben")
    monkeypatch.setenv("PARTNER_WAREHOUSE_PLANS", str(plans(tmp_path / "plans", base="")))
    steps: list[str] = []
    monkeypatch.setattr(pipeline, "after_posting", lambda *_, **__: steps.append("refresh"))
    monkeypatch.setattr(pipeline, "publishes", lambda *_: steps[-1:] == ["refresh"])
    monkeypatch.setattr(gates, "check", lambda stage, *_, **__: steps.append(f"gate {stage}"))
    lines = [
        line("a", "100.00", "2026-03-05", base_amount="1000", rate="0.1", tier="Gold"),
        line("h", None, "2026-03-06", partner_id="p2", status="held", hold_reason="fraud flag"),
        line("later", "5.00", "2026-03-30", partner_id="p2", payable_on="2026-04-29"),
        line("f", "7.00", "2026-03-05", partner_id="=cmd|' /C calc'!A0"),
    ]
    publish(load_settings(), lines)
    return steps
