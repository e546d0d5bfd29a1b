"""Partners that a CRM merges, before and after they were paid: both together get what they are entitled to, once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ledger_publication import line, publish


def paid(service, *periods):
    """What each partner was paid in all of them."""
    found: dict[str, Decimal] = {}
    for row in (row for period in periods for row in service.payouts(period)):
        found[row["partner_id"]] = found.get(row["partner_id"], Decimal(0)) + row["payable"]
    return {partner: amount for partner, amount in found.items() if amount}


def test_what_was_paid_to_a_partner_is_not_paid_to_the_one_that_it_is_now(settings, service, approve, balance):
    publish(settings, [line("a", "100.00", "2026-02-05", partner_id="A")])
    approve("2026-02")
    own = line("b", "50.00", "2026-03-05", partner_id="B")
    moved = line("a", "100.00", "2026-02-05", partner_id="B")
    publish(settings, [moved, own], merged={"A": "B"})
    approve("2026-03")
    assert balance("2026-03", "A") == ("0.00", "0.00", "0.00", "0.00", "0.00")
    assert balance("2026-03", "B") == ("0.00", "50.00", "0.00", "50.00", "0.00")
    publish(settings, [moved, own, line("r", "-30.00", "2026-04-05", partner_id="B")], merged={"A": "B"})
    approve("2026-04")
    assert [row["partner_id"] for row in service.payouts("2026-04")] == ["B"]
    assert balance("2026-04", "B")[-1] == "-30.00"
    assert service.verify() == []


@pytest.mark.parametrize("plan_id", ["base", "fifty"])
def test_a_balance_below_the_minimum_is_paid_to_the_partner_that_it_is_now(settings, service, approve, plan_id):
    publish(settings, [line("a", "40.00", "2026-02-05", partner_id="A", plan_id=plan_id)])
    approve("2026-02")
    lines = [
        line("a", "40.00", "2026-02-05", partner_id="B", plan_id=plan_id),
        line("b", "20.00", "2026-03-05", partner_id="B", plan_id=plan_id),
    ]
    publish(settings, lines, merged={"A": "B"})
    approve("2026-03")
    assert sum(paid(service, "2026-02", "2026-03").values()) == 60
    assert service.verify() == []


def test_a_debt_goes_along(settings, service, approve, balance):
    lost = [
        line("a", "100.00", "2026-02-05", partner_id="A"),
        line("r", "-100.00", "2026-03-05", partner_id="A", movement_kind="refund", corrects_line_id="a"),
    ]
    publish(settings, lost[:1])
    approve("2026-02")
    publish(settings, lost)
    approve("2026-03")
    of_b = [entry | {"partner_id": "B"} for entry in lost]
    publish(settings, [*of_b, line("b", "130.00", "2026-04-05", partner_id="B")], merged={"A": "B"})
    approve("2026-04")
    assert balance("2026-04", "A")[-1] == "0.00"
    assert balance("2026-04", "B")[-2:] == ("30.00", "0.00")
    assert service.verify() == []


def test_a_hold_after_the_merger_takes_nothing_back(settings, service, approve, balance):
    """Nor does it give anything back of a loss. The other's line of the movement has an id of its own."""
    refund = {"movement_kind": "refund", "movement_id": "r"}
    publish(
        settings,
        [
            line("a", "100.00", "2026-02-05", partner_id="A", movement_id="m"),
            line("r", "-30.00", "2026-02-06", partner_id="A", corrects_line_id="a", **refund),
        ],
    )
    approve("2026-02")
    moved = line("c", "100.00", "2026-02-05", partner_id="B", movement_id="m")
    own = line("b", "50.00", "2026-03-05", partner_id="B")
    publish(settings, [moved | {"status": "held", "is_held": True}, own], merged={"A": "B"})
    approve("2026-03")
    assert balance("2026-03", "B") == ("0.00", "50.00", "0.00", "50.00", "0.00")
    publish(settings, [moved, own], merged={"A": "B"})
    approve("2026-04")
    # 100 - 70 that A had been paid.
    assert balance("2026-04", "B") == ("0.00", "0.00", "30.00", "30.00", "0.00")
    assert service.verify() == []


def test_two_partners_of_one_deal_are_paid_no_more_when_they_are_one(settings, service, approve):
    publish(
        settings,
        [line("a", "60.00", "2026-02-05", partner_id="A"), line("b", "40.00", "2026-02-05", partner_id="B")],
    )
    approve("2026-02")
    publish(settings, [line("c", "100.00", "2026-02-05", partner_id="B")], merged={"A": "B"})
    approve("2026-03")
    assert paid(service, "2026-03") == {}
    assert service.verify() == []


def test_who_is_a_partner_of_its_own_again_has_its_balance_back(settings, service, approve, balance):
    mine, own = line("a", "100.00", "2026-02-05"), line("b", "50.00", "2026-02-05", partner_id="B")
    publish(settings, [mine | {"partner_id": "A"}, own])
    approve("2026-02")
    refund = line("r", "-10.00", "2026-03-05", movement_kind="refund", corrects_line_id="a")
    publish(settings, [mine | {"partner_id": "B"}, refund | {"partner_id": "B"}, own], merged={"A": "B"})
    approve("2026-03")
    assert (balance("2026-03", "A")[-1], balance("2026-03", "B")[-1]) == ("0.00", "-10.00")
    publish(settings, [mine | {"partner_id": "A"}, refund | {"partner_id": "A"}, own])
    approve("2026-04")
    assert (balance("2026-04", "A")[-2:], balance("2026-04", "B")[-2:]) == (("0.00", "-10.00"), ("0.00", "0.00"))
    assert service.verify() == []


def test_a_partner_that_is_merged_again_takes_all_of_them_along(settings, service, approve):
    def of(partner):
        return line("a", "100.00", "2026-02-05", partner_id=partner)

    publish(settings, [of("A")])
    approve("2026-02")
    publish(settings, [of("B")], merged={"A": "B"})
    approve("2026-03")
    publish(settings, [of("C"), line("c", "5.00", "2026-04-05", partner_id="C")], merged={"A": "C", "B": "C"})
    approve("2026-04")
    assert paid(service, "2026-03", "2026-04") == {"C": 5}
    publish(settings, [of("C"), line("c", "5.00", "2026-04-05", partner_id="C")], merged={"A": "C", "B": "C"})
    approve("2026-05")
    assert service.payouts("2026-05") == []
    assert service.verify() == []


def test_a_correction_to_another_partner_is_no_merger(settings, service, approve, balance):
    publish(settings, [line("a", "100.00", "2026-02-05", partner_id="A")])
    approve("2026-02")
    publish(settings, [line("a", "100.00", "2026-02-05", partner_id="B")])
    approve("2026-03")
    assert balance("2026-03", "A")[-1] == "-100.00"
    assert balance("2026-03", "B")[-2] == "100.00"
