"""The slow leg: everything after the landing killed, from the run's parameters to a posted month that is published."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import PAYOUTS, assert_same, posted, published, world

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(2400)]

DRAFT, POST = PAYOUTS
STEPS = (
    *("prepare", "gate landing"),
    *("build staging", "gate staging", "build marts", "gate marts", "publish"),
    *(DRAFT, "gate payouts", POST),
    *("build ledger", "gate marts", "publish"),
)
KILLS = {
    (2, "prepare"): 8,
    (2, "gate landing"): 4,
    (2, "build staging"): 10,
    (2, "gate staging"): 4,
    (2, "build marts"): 14,
    (2, "gate marts"): 4,
    (2, "publish"): 8,
    (2, DRAFT): 10,
    (2, "gate payouts"): 2,
    (2, POST): 10,
    (2, "build ledger"): 4,
}
"""Ninety: the gate of the marts is held and the publication made twice."""


def test_ninety_kills_after_the_landing_change_nothing(tmp_path: Path) -> None:
    with world(tmp_path, scale=0.05) as there:
        whole = there.unkilled(STEPS)
        killed = there.killed("killed", KILLS, STEPS, seed=3)
    assert len(killed.killed) == 90
    assert_same(published(killed), published(whole), killed.killed)
    assert posted(killed) == posted(whole) != []
    assert len(published(whole)["finance.approved_payout_lines"]) > 10
