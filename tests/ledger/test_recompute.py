"""An approved month that is computed again says which columns of which lines and payouts are others now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ledger_publication import line, publish

from partner_warehouse.ledger import content
from partner_warehouse.ledger.content import Difference, Differences
from partner_warehouse.ledger.payouts import PayoutService, PayoutState
from partner_warehouse.settings import Settings

Approve = Callable[[str], PayoutState]

LINES = [
    line("L1", "10.00", "2026-03-01", tier="Silver", rate="0.1"),
    line("L2", "5.00", "2026-03-02"),
    line("L3", "7.00", "2026-03-02", partner_id="p2"),
]


def test_what_comes_out_as_it_was_differs_in_nothing(
    settings: Settings, service: PayoutService, approve: Approve
) -> None:
    publish(settings, LINES)
    approve("2026-03")
    found, approval, differing = service.recompute("2026-03", settings.published_path)
    assert (found.content_hash, differing) == (approval.content_hash, Differences())


def test_each_column_that_differs_is_told_with_both_values(
    settings: Settings, service: PayoutService, approve: Approve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no payout differs, and lines and payouts that only one side has."""
    publish(settings, LINES)
    approve("2026-03")
    publish(
        settings,
        [
            line("L1", "10.00", "2026-03-01", tier="Gold", rate="0.2"),
            line("L2", "5.50", "2026-03-02"),
            line("L4", "1.00", "2026-03-03", partner_id="p3"),
        ],
    )
    found, approval, differing = service.recompute("2026-03", settings.published_path)
    assert found.content_hash != approval.content_hash
    every = (
        Difference("payout", "PO-2026-03-p1-USD", "earned", "15.000", "15.500"),
        Difference("payout", "PO-2026-03-p1-USD", "payable", "15.000", "15.500"),
        Difference("payout", "PO-2026-03-p2-USD", None, "7.000", None),
        Difference("payout", "PO-2026-03-p3-USD", None, None, "1.000"),
        Difference("line", "L1", "rate", "0.100000000000", "0.200000000000"),
        Difference("line", "L1", "tier", "Silver", "Gold"),
        Difference("line", "L2", "amount", "5.000", "5.500"),
        Difference("line", "L3", None, "7.000", None),
        Difference("line", "L4", None, None, "1.000"),
    )
    assert differing == Differences(9, every)
    # A month of many lines may differ in all of them: what is not told is counted.
    monkeypatch.setattr(content, "TOLD", 6)
    assert service.recompute("2026-03", settings.published_path)[2] == Differences(9, every[:6])


@pytest.mark.parametrize("has_fees", [True, False])
def test_what_was_posted_while_lines_had_no_fee_is_compared_without(
    settings: Settings, service: PayoutService, approve: Approve, has_fees: bool
) -> None:
    """Of what was posted with one, another fee is a difference."""
    fee = {"component": "fixed_fee", "rate": "1"}
    was = [line("L1", "10.00", "2026-03-01", fee="10.00" if has_fees else None, **fee), LINES[1]]
    publish(settings, was)
    approve("2026-03")
    publish(settings, [line("L1", "10.00", "2026-03-01", fee="10.01", **fee), LINES[1]])
    found, approval, differing = service.recompute("2026-03", settings.published_path)
    assert (found.content_hash == approval.content_hash) != has_fees
    expected = Differences(1, (Difference("line", "L1", "fee", "10.000", "10.010"),)) if has_fees else Differences()
    assert differing == expected
