"""The slow leg: what finance pays is the same whether the company's systems are in order or full of defects."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import PAYOUTS, assert_same, drafted, published, world

from partner_warehouse.sandbox.profiles import PROFILES, Defects, Faults, Profile

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1200)]

STEPS = ("prepare", "build staging", "build marts", "publish", PAYOUTS[0])

IN_ORDER = Profile("in-order", Defects(fx_gap=True), Faults())
"""Nothing is broken but the rate that is missing: where it is there, money in dinars is worth something else."""


def test_finance_is_the_same_with_every_defect_and_with_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, IN_ORDER.name, IN_ORDER)
    found = {}
    for profile in ("chaos", IN_ORDER.name):
        directory = tmp_path / profile
        directory.mkdir()
        with world(directory, scale=0.3, profile=profile) as there:
            home = there.unkilled(STEPS)
        tables = {name: rows for name, rows in published(home).items() if name.startswith("finance.")}
        found[profile] = tables | drafted(home)
    assert len(found["chaos"]["finance.commission_lines"]) > 300
    assert_same(found["chaos"], found[IN_ORDER.name], [])
