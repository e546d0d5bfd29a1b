"""What partners are paid, month by month, given the entitlement as it becomes known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ledger_publication import line, publish
from sqlalchemy import select

from partner_warehouse.ledger import schema
from partner_warehouse.ledger.store import Store


def test_a_refund_after_payment_is_taken_from_the_next_payout(settings, approve, balance):
    publish(settings, [line("a", "14.70", "2026-03-05")])
    approve("2026-03")
    publish(
        settings,
        [
            line("a", "14.70", "2026-03-05"),
            line("b", "-14.70", "2026-04-02", corrects_line_id="a", movement_kind="refund"),
            line("c", "58.80", "2026-04-20"),
        ],
    )
    approve("2026-04")
    assert balance("2026-03") == ("0.00", "14.70", "0.00", "14.70", "0.00")
    assert balance("2026-04") == ("0.00", "58.80", "-14.70", "44.10", "0.00")


def test_a_rerated_line_is_adjusted_in_the_next_open_month_and_the_closed_one_stands(
    settings, service, approve, balance
):
    publish(settings, [line("a", "1300.00", "2026-03-20", tier="1"), line("b", "150.00", "2026-03-20", tier="2")])
    approve("2026-03")
    publish(settings, [line("a", "900.00", "2026-03-20", tier="1"), line("d", "0.00", "2026-04-03")])
    approve("2026-04")
    assert balance("2026-03") == ("0.00", "1450.00", "0.00", "1450.00", "0.00")
    assert balance("2026-04") == ("0.00", "0.00", "-550.00", "0.00", "-550.00")
    assert service.verify() == []


def test_a_movement_that_a_late_record_moved_to_another_tier_is_adjusted_and_not_earned_again(
    settings, service, approve, balance
):
    """800 at 10 % were posted; 500 before them come late, so that the 800 are in the tier of 20 %: 160, and 50."""
    publish(settings, [line("one", "80.00", "2026-03-20", movement_id="m", tier="1")])
    approve("2026-03")
    publish(
        settings,
        [
            line("two", "160.00", "2026-03-20", movement_id="m", tier="2"),
            line("late", "50.00", "2026-03-05", movement_id="n", tier="1"),
        ],
    )
    approve("2026-04")
    assert balance("2026-04") == ("0.00", "50.00", "80.00", "130.00", "0.00")
    with Store(settings).reading() as connection:
        lines = schema.payout_lines.c
        corrected = dict(connection.execute(select(lines.line_id, lines.corrects_line_id)).tuples().all())
    assert (corrected["two"], corrected["late"]) == ("one", None)
    # A third slice, while the second stays as it is: the movement was posted before.
    publish(
        settings,
        [
            line("two", "160.00", "2026-03-20", movement_id="m", tier="2"),
            line("three", "40.00", "2026-03-20", movement_id="m", tier="3"),
            line("late", "50.00", "2026-03-05", movement_id="n", tier="1"),
        ],
    )
    approve("2026-05")
    assert balance("2026-05") == ("0.00", "0.00", "40.00", "40.00", "0.00")
    assert service.verify() == []


def test_below_the_minimum_is_carried_until_it_is_reached(settings, approve, balance):
    lines = [line("a", "40.00", "2026-03-05", plan_id="fifty")]
    publish(settings, lines)
    approve("2026-03")
    assert balance("2026-03") == ("0.00", "40.00", "0.00", "0.00", "40.00")
    publish(settings, [*lines, line("b", "20.00", "2026-04-05", plan_id="fifty")])
    approve("2026-04")
    assert balance("2026-04") == ("40.00", "20.00", "0.00", "60.00", "0.00")


def test_a_minimum_edited_after_the_build_does_not_reach_a_draft_of_it(settings, approve, balance):
    publish(settings, [line("a", "40.00", "2026-03-05", plan_id="fifty")])
    plans = settings.plans / "commission_plans.csv"
    edited = plans.read_text(encoding="utf-8").replace("50", "30")
    assert edited != plans.read_text(encoding="utf-8")
    plans.write_text(edited, encoding="utf-8")
    approve("2026-03")
    assert balance("2026-03") == ("0.00", "40.00", "0.00", "0.00", "40.00")


def test_a_refund_in_between_keeps_the_carry_below_the_minimum(settings, approve, balance):
    lines = [line("a", "40.00", "2026-03-05", plan_id="fifty")]
    publish(settings, lines)
    approve("2026-03")
    lines += [
        line("b", "20.00", "2026-04-05", plan_id="fifty"),
        line("r", "-15.00", "2026-04-06", plan_id="fifty", corrects_line_id="a"),
    ]
    publish(settings, lines)
    approve("2026-04")
    assert balance("2026-04") == ("40.00", "20.00", "-15.00", "0.00", "45.00")


def test_a_carried_balance_is_shown_in_a_month_without_lines(settings, approve, balance):
    publish(settings, [line("a", "40.00", "2026-03-05", plan_id="fifty")])
    approve("2026-03")
    approve("2026-04")
    assert balance("2026-04") == ("40.00", "0.00", "0.00", "0.00", "40.00")


def test_a_negative_balance_is_carried_and_worked_off(settings, service, approve, balance):
    lines = [line("a", "20.00", "2026-03-05"), line("r", "-100.00", "2026-03-06", corrects_line_id="old")]
    publish(settings, lines)
    approve("2026-03")
    assert balance("2026-03") == ("0.00", "20.00", "-100.00", "0.00", "-80.00")
    publish(settings, [*lines, line("b", "130.00", "2026-04-05")])
    approve("2026-04")
    assert balance("2026-04") == ("-80.00", "130.00", "0.00", "50.00", "0.00")
    assert service.verify() == []


def test_a_held_line_waits_and_a_posted_one_stays_when_it_is_held(settings, approve, balance):
    publish(settings, [line("a", "108.32", "2026-03-05"), line("h", None, "2026-03-06", status="held")])
    approve("2026-03")
    publish(settings, [line("a", "108.32", "2026-03-05", status="held"), line("h", "7.00", "2026-03-06")])
    approve("2026-04")
    publish(
        settings,
        [
            line("a", "108.32", "2026-03-05"),
            line("h", "7.00", "2026-03-06"),
            line("r", "-54.16", "2026-05-05", corrects_line_id="a"),
        ],
    )
    approve("2026-05")
    assert balance("2026-03") == ("0.00", "108.32", "0.00", "108.32", "0.00")
    assert balance("2026-04") == ("0.00", "7.00", "0.00", "7.00", "0.00")
    assert balance("2026-05") == ("0.00", "0.00", "-54.16", "0.00", "-54.16")


def test_what_was_posted_stands_while_its_movement_is_unpriced_or_held_in_another_tier(
    settings, service, approve, balance
):
    """The line's id names its slice: without a rate it is in none, and a late record moves one that is held."""
    other = line("other", "9.00", "2026-03-06")
    publish(settings, [line("first", "5.00", "2026-03-05", movement_id="m"), other])
    approve("2026-03")
    publish(settings, [line("unpriced", None, "2026-03-05", movement_id="m", status="held")])
    approve("2026-04")
    assert balance("2026-04") == ("0.00", "0.00", "-9.00", "0.00", "-9.00")
    publish(settings, [line("second", "12.00", "2026-03-05", movement_id="m", status="held"), other])
    approve("2026-05")
    assert balance("2026-05") == ("-9.00", "0.00", "9.00", "0.00", "0.00")
    publish(settings, [line("second", "12.00", "2026-03-05", movement_id="m"), other])
    approve("2026-06")
    assert balance("2026-06") == ("0.00", "0.00", "7.00", "7.00", "0.00")
    assert service.verify() == []


def test_what_another_partner_has_and_is_held_is_taken_back_from_who_had_it(settings, service, approve, balance):
    """A hold keeps back what is earned, and the partner that it was posted to earns it no more."""
    publish(settings, [line("a", "60.00", "2026-03-05")])
    approve("2026-03")
    publish(settings, [line("a", "60.00", "2026-03-05", partner_id="p2", status="held")])
    approve("2026-04")
    assert balance("2026-04") == ("0.00", "0.00", "-60.00", "0.00", "-60.00")
    assert [row["partner_id"] for row in service.payouts("2026-04")] == ["p1"]
    publish(settings, [line("a", "60.00", "2026-03-05", partner_id="p2")])
    approve("2026-05")
    assert balance("2026-05", "p2")[3] == "60.00"
    assert service.verify() == []


def test_a_line_that_waits_again_is_taken_back_whatever_else_of_its_movement_is_held(settings, approve, balance):
    """Its own state decides of a line that the partner still has: `finance.accruals` says the same."""
    tiers = [line("t1", "40.00", "2026-03-05", movement_id="m"), line("t2", "5.00", "2026-03-05", movement_id="m")]
    publish(settings, tiers)
    approve("2026-03")
    later = {"movement_id": "m", "payable_on": "2026-06-05", "status": "scheduled"}
    held = line("t2", "5.00", "2026-03-05", movement_id="m", status="held")
    publish(settings, [line("t1", "35.00", "2026-03-05") | later, held])
    approve("2026-04")
    assert balance("2026-04") == ("0.00", "0.00", "-40.00", "0.00", "-40.00")


def test_a_loss_under_a_cap_is_the_difference_of_the_capped_totals(settings, approve, balance):
    publish(settings, [line("a", "450.00", "2026-03-05"), line("b", "50.00", "2026-03-06")])
    approve("2026-03")
    publish(settings, [line("a", "350.00", "2026-03-05"), line("b", "120.00", "2026-03-06")])
    approve("2026-04")
    assert balance("2026-03") == ("0.00", "500.00", "0.00", "500.00", "0.00")
    assert balance("2026-04") == ("0.00", "0.00", "-30.00", "0.00", "-30.00")


def test_a_line_is_not_paid_before_it_is_payable(settings, approve, balance):
    publish(settings, [line("a", "500.00", "2027-01-31", payable_on="2027-03-02"), line("x", "1.00", "2027-01-01")])
    approve("2027-02")
    assert balance("2027-02") == ("0.00", "1.00", "0.00", "1.00", "0.00")
    approve("2027-03")
    assert balance("2027-03") == ("0.00", "500.00", "0.00", "500.00", "0.00")


def test_a_line_that_left_the_entitlement_is_reversed_once(settings, service, approve, balance):
    publish(settings, [line("a", "33.33", "2026-03-05", rate="0.1", base_amount="333.3", tier="Gold")])
    approve("2026-03")
    publish(settings, [])
    approve("2026-04")
    approve("2026-05")
    assert balance("2026-04") == ("0.00", "0.00", "-33.33", "0.00", "-33.33")
    assert balance("2026-05") == ("-33.33", "0.00", "0.00", "0.00", "-33.33")
    assert service.state("2026-05").line_count == 0


def test_a_line_that_moves_to_another_partner_is_reversed_there_and_posted_here(settings, approve, balance):
    publish(settings, [line("a", "10.00", "2026-03-05", partner_id="p1")])
    approve("2026-03")
    publish(settings, [line("a", "10.00", "2026-03-05", partner_id="p2")])
    approve("2026-04")
    assert balance("2026-04", "p1") == ("0.00", "0.00", "-10.00", "0.00", "-10.00")
    assert balance("2026-04", "p2") == ("0.00", "0.00", "10.00", "10.00", "0.00")


def test_currencies_are_kept_apart_and_keep_their_minor_units(settings, approve, balance, service):
    publish(
        settings,
        [
            line("y", "1250", "2026-03-05", currency="JPY"),
            line("k", "1.001", "2026-03-05", currency="KWD"),
            line("u", "-5.00", "2026-03-05"),
        ],
    )
    state = approve("2026-03")
    assert [(total.currency, str(total.payable)) for total in state.totals] == [
        ("JPY", "1250.000"),
        ("KWD", "1.001"),
        ("USD", "0.000"),
    ]


@pytest.mark.parametrize(
    ("is_lost_again", "adjusted", "closing"), [(False, "100.00", "0.00"), (True, "0.00", "-100.00")]
)
def test_a_lost_dispute_that_is_open_again_is_given_back_when_it_is_won(
    settings, service, approve, balance, is_lost_again, adjusted, closing
):
    payment = line("p", "100.00", "2026-02-05", movement_id="m")
    loss = line("d", "-100.00", "2026-03-05", movement_kind="dispute_lost", movement_id="x", corrects_line_id="p")
    publish(settings, [payment])
    approve("2026-02")
    publish(settings, [payment, loss])
    approve("2026-03")
    # The payment was posted in full, so only the hold itself says that it is held.
    publish(settings, [payment | {"status": "posted", "is_held": True}])
    approve("2026-04")
    publish(settings, [payment, loss] if is_lost_again else [payment])
    approve("2026-05")
    assert balance("2026-03") == ("0.00", "0.00", "-100.00", "0.00", "-100.00")
    assert balance("2026-04") == ("-100.00", "0.00", "0.00", "0.00", "-100.00")
    assert balance("2026-05") == ("-100.00", "0.00", adjusted, "0.00", closing)
    assert service.verify() == []


def test_a_hold_gives_nothing_back_of_a_loss_and_takes_what_is_lost_anew(settings, service, approve, balance):
    """Smaller, gone or in another tier, while the payment moved to another tier too: a loss is measured as a whole."""
    payment = {"movement_id": "m"}
    refund = {"movement_kind": "refund", "movement_id": "r"}
    second = {"movement_kind": "refund", "movement_id": "s"}
    publish(
        settings,
        [
            line("p1", "100.00", "2026-02-05", **payment),
            line("r1", "-40.00", "2026-02-06", corrects_line_id="p1", **refund),
            line("s1", "-20.00", "2026-02-07", corrects_line_id="p1", **second),
        ],
    )
    approve("2026-02")
    assert balance("2026-02") == ("0.00", "100.00", "-60.00", "40.00", "0.00")
    held = line("p2", "90.00", "2026-02-05", status="held", **payment)
    smaller = line("r2", "-30.00", "2026-02-06", corrects_line_id="p2", **refund)
    publish(settings, [held, smaller | {"is_held": True}])
    approve("2026-03")
    assert service.payouts("2026-03") == []
    larger = line("r2", "-45.00", "2026-02-06", corrects_line_id="p2", is_held=True, **refund)
    another = line("t2", "-7.00", "2026-04-06", corrects_line_id="p2", is_held=True, movement_id="t") | {
        "movement_kind": "refund"
    }
    publish(settings, [held, larger, another])
    approve("2026-04")
    # 40 became 45, and 7 are new; the 20 that fell away wait.
    assert balance("2026-04") == ("0.00", "0.00", "-12.00", "0.00", "-12.00")
    free = {"status": "payable", "is_held": False}
    publish(settings, [held | free, larger | free, another | free])
    approve("2026-05")
    assert balance("2026-05") == ("-12.00", "0.00", "10.00", "0.00", "-2.00")
    assert service.verify() == []


def test_a_loss_of_what_nobody_holds_is_given_back_at_once(settings, approve, balance):
    lines = [line("a", "100.00", "2026-02-05", movement_id="m"), line("b", "10.00", "2026-02-05", movement_id="n")]
    refund = line("r", "-40.00", "2026-02-06", movement_kind="refund", movement_id="r", corrects_line_id="a")
    publish(settings, [*lines, refund])
    approve("2026-02")
    publish(settings, [lines[0], lines[1] | {"status": "posted", "is_held": True}])
    approve("2026-03")
    assert balance("2026-03") == ("0.00", "0.00", "40.00", "40.00", "0.00")


def test_what_a_free_payment_earns_on_a_held_one_waits(settings, service, approve, balance):
    """The re-rate of 2,500 by 5 %, of which 1,500 are held; a hold that comes later takes nothing back."""
    own = line("own", "150.00", "2026-03-10", movement_id="free")
    re_rate = line("up", "125.00", "2026-03-10", movement_id="free", component="re_rate", rate="0.05") | {
        "base_amount": "2500.00"
    }
    held = {"withheld_amount": "75.00", "withheld_base_amount": "1500.00", "hold_reason": "open_dispute"}
    publish(settings, [own, re_rate | held])
    approve("2026-03")
    assert balance("2026-03") == ("0.00", "200.00", "0.00", "200.00", "0.00")
    assert posted_lines(settings, "2026-03")["up"] == (None, Decimal(1000), Decimal(50))
    approve("2026-04")
    assert service.payouts("2026-04") == []
    publish(settings, [own, re_rate])
    approve("2026-05")
    assert balance("2026-05") == ("0.00", "0.00", "75.00", "75.00", "0.00")
    assert list(posted_lines(settings, "2026-05").values()) == [("up", Decimal(2500), Decimal(75))]
    publish(settings, [own, re_rate | held])
    approve("2026-06")
    assert service.payouts("2026-06") == []
    assert service.verify() == []


def test_no_more_waits_than_a_movement_still_has_to_post(settings, service, approve, balance):
    """A cap took of what waits, and the line that earned on what is held was posted in another tier."""
    movement = {"movement_id": "free"}
    lines = [
        line("own", "150.00", "2026-03-10", **movement),
        line("up", "75.00", "2026-03-10", component="re_rate", **movement) | {"withheld_amount": "75.00"},
        line("cap", "-175.00", "2026-03-10", component="cap", **movement),
    ]
    publish(settings, lines)
    approve("2026-03")
    assert service.payouts("2026-03")[0]["payable"] == 0
    publish(settings, [lines[0], line("higher", "150.00", "2026-03-10", component="re_rate", **movement), lines[2]])
    approve("2026-04")
    assert balance("2026-04")[3] == "125.00"
    top = line("top", "160.00", "2026-03-10", component="re_rate", **movement) | {"withheld_amount": "90.00"}
    publish(settings, [lines[0], top, lines[2]])
    approve("2026-05")
    assert balance("2026-05") == ("0.00", "0.00", "0.00", "0.00", "0.00")
    assert service.verify() == []


def test_a_loss_takes_nothing_that_waits(settings, service, approve, balance):
    """1,500 held at 10 %, 1,000 free reach 15 % for both; these are given back, and the tier is lost again."""
    held = line("held", "150.00", "2026-03-10", status="held")
    own = line("own", "150.00", "2026-03-11", movement_id="free")
    part = {"withheld_amount": "75.00", "withheld_base_amount": "1500.00"}
    re_rate = line("up", "75.00", "2026-03-11", movement_id="free", component="re_rate") | part
    loss = {"movement_kind": "refund", "movement_id": "r", "corrects_line_id": "own"}
    back = line("back", "-150.00", "2026-04-02", **loss)
    part = {"base_amount": "-1500.00", "withheld_amount": "-75.00", "withheld_base_amount": "-1500.00"}
    down = line("down", "-75.00", "2026-04-02", component="re_rate", **loss) | part
    publish(settings, [held, own, re_rate])
    approve("2026-03")
    publish(settings, [held, own, re_rate, back, down])
    approve("2026-04")
    approve("2026-05")
    assert balance("2026-03") == ("0.00", "150.00", "0.00", "150.00", "0.00")
    assert balance("2026-04") == ("0.00", "0.00", "-150.00", "0.00", "-150.00")
    assert balance("2026-05") == ("-150.00", "0.00", "0.00", "0.00", "-150.00")
    free = {"withheld_amount": "0", "withheld_base_amount": "0"}
    publish(settings, [held | {"status": "payable", "is_held": False}, own, re_rate | free, back, down | free])
    approve("2026-06")
    assert balance("2026-06") == ("-150.00", "150.00", "0.00", "0.00", "0.00")
    assert posted_lines(settings, "2026-06")["down"] == ("own", Decimal(-1500), Decimal(-75))
    assert service.verify() == []


def test_a_loss_takes_what_was_posted_before_the_hold(settings, service, approve, balance):
    """Only as much is left out as waits of the plan and period: 20.00 of the 75.00 that two losses take."""
    lines = [
        line("held", "150.00", "2026-03-10"),
        line("own", "150.00", "2026-03-11", movement_id="free"),
        line("up", "75.00", "2026-03-11", movement_id="free", component="re_rate"),
    ]
    publish(settings, lines)
    approve("2026-03")
    lines[0] |= {"status": "posted", "is_held": True, "withheld_amount": "150.00"}
    lines[2] |= {"withheld_amount": "75.00"}
    other = line("other", "20.00", "2026-03-12", status="held")
    later = line("later", "90.00", "2026-04-01", status="held", withheld_period="2026-04-01")
    losses = [
        line(
            f"down-{name}", f"-{amount}", "2026-04-02", movement_kind="refund", movement_id=name, corrects_line_id="own"
        )
        | {"withheld_amount": f"-{amount}"}
        for name, amount in (("r", "45.00"), ("s", "30.00"))
    ]
    publish(settings, [*lines, other, later, *losses])
    approve("2026-04")
    assert balance("2026-04") == ("0.00", "0.00", "-55.00", "0.00", "-55.00")
    approve("2026-05")
    assert balance("2026-05") == ("-55.00", "0.00", "0.00", "0.00", "-55.00")
    assert service.verify() == []


def test_room_that_a_loss_makes_for_what_is_held_waits_apart_from_what_is_lost(settings, service, approve, balance):
    """450 free and 120 held under a cap of 500; 100 are lost of the free ones, and the held ones get the room."""
    held = {"movement_id": "held", "status": "held"}
    lines = [
        line("free", "450.00", "2026-03-10"),
        line("held", "120.00", "2026-03-11", **held),
        line("held-cap", "-70.00", "2026-03-11", component="cap", **held),
    ]
    loss = {"movement_kind": "refund", "movement_id": "r", "corrects_line_id": "free"}
    back = line("back", "-100.00", "2026-04-10", **loss)
    room = line("room", "70.00", "2026-04-10", component="cap", withheld_amount="70.00", **loss)
    publish(settings, lines)
    approve("2026-03")
    publish(settings, [*lines, back, room])
    approve("2026-04")
    approve("2026-05")
    assert balance("2026-04") == ("0.00", "0.00", "-100.00", "0.00", "-100.00")
    assert balance("2026-05") == ("-100.00", "0.00", "0.00", "0.00", "-100.00")
    free = {"status": "payable", "is_held": False}
    publish(settings, [lines[0], lines[1] | free, lines[2] | free, back, room | {"withheld_amount": "0"}])
    approve("2026-06")
    assert balance("2026-06") == ("-100.00", "50.00", "70.00", "20.00", "0.00")
    assert service.verify() == []


def posted_lines(settings, period: str) -> dict[str, tuple[str | None, Decimal, Decimal]]:
    """What each line corrects, its base and its amount."""
    lines = schema.payout_lines.c
    with Store(settings).reading() as connection:
        rows = connection.execute(
            select(lines.line_id, lines.corrects_line_id, lines.base_amount, lines.amount).where(lines.period == period)
        ).all()
    return {row.line_id: (row.corrects_line_id, row.base_amount, row.amount) for row in rows}
