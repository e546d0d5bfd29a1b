"""Who may do what, in which order, and what happens when several try at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ledger_publication import line, plans, publish

from partner_warehouse.errors import BadInputError, NotAllowedError
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.quality import gates
from partner_warehouse.settings import load_settings


@pytest.fixture
def submitted(settings, service):
    publish(settings, [line("a", "100.00", "2026-03-05")])
    service.draft("2026-03", "ana")
    return service.submit("2026-03", "ana")


def test_the_whole_way_is_in_the_log_with_who_when_what_and_why(service, submitted):
    service.reject("2026-03", "ben", "wrong tier")
    service.submit("2026-03", "ana", "checked: the tier is right")
    service.approve("2026-03", "ben", "ok")
    service.export("2026-03", "dora")
    service.paid("2026-03", "dora", "bank statement 17")
    log = service.log("2026-03")
    assert [(entry.action, entry.from_status, entry.to_status) for entry in log] == [
        ("draft", None, "draft"),
        ("submit", "draft", "submitted"),
        ("reject", "submitted", "draft"),
        ("submit", "draft", "submitted"),
        ("approve", "submitted", "approved"),
        ("export", "approved", "exported"),
        ("pay", "exported", "paid"),
    ]
    assert log[2].actor == "ben"
    assert log[2].reason == "wrong tier"
    assert service.verify() == []


def test_the_approver_is_not_who_drafted_or_submitted(settings, service):
    publish(settings, [line("a", "1.00", "2026-03-05")])
    service.draft("2026-03", "cleo")
    service.submit("2026-03", "ben")
    for user in ("ben", "cleo"):
        with pytest.raises(NotAllowedError, match="prepared it"):
            service.approve("2026-03", user)
    assert service.state("2026-03").status == "submitted"


@pytest.mark.parametrize(
    ("preparer", "approver"),
    [
        ("ana", "Ana"),
        ("ana", "\uff41\uff4e\uff41"),
        ("Jose\u0301", "Jos\u00e9"),
        ("ana may", "Ana  May"),
        ("ana may", "anamay"),
        ("ana", "ana\ufe0f"),
        ("ana", "ana\U000e0100"),
        ("ana", "a\u034fna"),
        ("ana may", "ana\u2800may"),
    ],
    ids=["case", "full width", "composed", "blanks", "no blank", "selector", "supplementary", "joiner", "drawn blank"],
)
def test_another_spelling_of_a_name_is_the_same_person(settings, home, ledger_url, tmp_path, preparer, approver):
    service = PayoutService(
        load_settings(ledger_url=ledger_url, plans=plans(tmp_path / "p", base=""), approvers=(approver,))
    )
    publish(settings, [line("a", "1.00", "2026-03-05")])
    service.draft("2026-03", preparer)
    service.submit("2026-03", preparer)
    with pytest.raises(NotAllowedError, match="prepared it"):
        service.approve("2026-03", approver)


def test_only_a_named_approver_approves(service, submitted):
    with pytest.raises(NotAllowedError, match="not an approver"):
        service.approve("2026-03", "mallory")


def test_above_the_limit_two_different_people_approve(settings, home, ledger_url, tmp_path):
    service = PayoutService(
        load_settings(
            ledger_url=ledger_url,
            plans=plans(tmp_path / "p", base=""),
            approvers=("ben", "cleo"),
            two_approvers_above=99,
        )
    )
    publish(settings, [line("a", "99.01", "2026-03-05")])
    service.draft("2026-03", "ana")
    service.submit("2026-03", "ana")
    assert service.approve("2026-03", "ben").status == "submitted"
    with pytest.raises(NotAllowedError, match="second person"):
        service.approve("2026-03", "ben")
    approved = service.approve("2026-03", "cleo")
    assert (approved.status, approved.approved_by) == ("approved", "ben + cleo")


def test_a_changed_entitlement_cannot_be_approved_and_goes_back_to_draft(settings, service, submitted):
    publish(settings, [line("a", "100.01", "2026-03-05")])
    with pytest.raises(NotAllowedError, match="content changed"):
        service.approve("2026-03", "ben")
    assert service.state("2026-03").status == "draft"
    assert service.log()[-1].action == "content_changed"
    again = service.draft("2026-03", "ana")
    assert (again.version, str(again.totals[0].payable)) == (2, "100.010")
    service.submit("2026-03", "ana")
    assert service.approve("2026-03", "ben").status == "approved"


def test_what_was_shown_is_what_is_approved(service, submitted):
    with pytest.raises(NotAllowedError, match="content changed"):
        service.approve("2026-03", "ben", content_hash="0" * 64)
    assert service.approve("2026-03", "ben", content_hash=submitted.content_hash).status == "approved"


def test_drafting_again_without_a_change_keeps_the_draft(settings, service, submitted):
    again = service.draft("2026-03", "ana")
    assert (again.status, again.version) == ("submitted", 1)
    assert service.submit("2026-03", "ana").status == "submitted"
    assert [entry.action for entry in service.log()] == ["draft", "submit"]


def test_a_closed_period_is_closed(service, submitted):
    service.approve("2026-03", "ben")
    for attempt in (service.draft, service.submit, service.approve, service.reject):
        with pytest.raises(NotAllowedError, match="closed"):
            attempt("2026-03", "cleo")


def test_periods_are_approved_in_their_order(settings, service, submitted):
    with pytest.raises(NotAllowedError, match="2026-03 waits for approval"):
        service.draft("2026-04", "ana")
    service.approve("2026-03", "ben")
    service.draft("2026-05", "ana")
    service.submit("2026-05", "ana")
    service.approve("2026-05", "ben")
    with pytest.raises(NotAllowedError, match="2026-05 is approved already"):
        service.draft("2026-04", "ana")


def test_a_month_that_has_not_ended_cannot_be_drafted(settings, service):
    publish(settings, [line("a", "1.00", "2026-03-05")], as_of="2026-03-31T23:59:59Z")
    with pytest.raises(BadInputError, match="has not ended"):
        service.draft("2026-03", "ana")
    publish(settings, [line("a", "1.00", "2026-03-05")], as_of="2026-04-01T00:00:00Z")
    assert service.draft("2026-03", "ana").status == "draft"


@pytest.mark.parametrize("period", ["2026-13", "2026-3", "march", "2026-03-01", "2026-03\n", ""])
def test_a_period_is_a_month(service, period):
    with pytest.raises(BadInputError, match="YYYY-MM"):
        service.state(period)


def test_what_is_done_already_says_what_finishes_it(settings, service, submitted):
    service.approve("2026-03", "ben")
    for action, user in (("approve", "ben"), ("approve", "cleo")):
        with pytest.raises(NotAllowedError, match=r"the period is closed\n.*payouts export 2026-03` publishes"):
            getattr(service, action)("2026-03", user)
    service.export("2026-03", "dora")
    service.paid("2026-03", "dora")
    with pytest.raises(
        NotAllowedError, match=r"only what is exported can be paid\n.*payouts export 2026-03` publishes"
    ):
        service.paid("2026-03", "dora")


def test_nothing_is_exported_or_paid_out_of_turn(service, submitted):
    with pytest.raises(NotAllowedError):
        service.export("2026-03", "dora")
    service.approve("2026-03", "ben")
    with pytest.raises(NotAllowedError, match="only what is exported can be paid"):
        service.paid("2026-03", "dora")
    with pytest.raises(BadInputError, match="nothing is drafted"):
        service.submit("2026-04", "ana")


def test_of_several_approvals_at_once_exactly_one_wins(settings, service, submitted):
    together = threading.Barrier(6)

    def approve(number: int) -> str:
        own = PayoutService(settings)
        together.wait()
        try:
            return own.approve("2026-03", ("ben", "cleo")[number % 2]).status
        except NotAllowedError:
            return "refused"

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(approve, range(6)))
    assert sorted(results) == ["approved"] + ["refused"] * 5
    assert [entry.action for entry in service.log()].count("approve") == 1
    assert service.verify() == []


def test_an_empty_month_is_closed_all_the_same(settings, service, approve):
    publish(settings, [])
    assert approve("2026-03").line_count == 0
    with pytest.raises(NotAllowedError, match="closed"):
        service.draft("2026-03", "ana")


def test_drafts_of_several_months_may_wait_with_the_same_line(settings, service):
    publish(settings, [line("a", "100.00", "2026-03-05")])
    for month in ("2026-03", "2026-04"):
        service.draft(month, "ana")
    assert not gates.check("payouts", settings).failed
    service.submit("2026-04", "ana")
    service.approve("2026-04", "ben")
    assert [row["payable"] for row in service.payouts("2026-04")] == [100]
    assert not gates.check("payouts", settings).failed


def test_a_month_that_was_passed_over_is_not_submitted_any_more(settings, service):
    publish(settings, [line("a", "100.00", "2026-03-05")])
    for month in ("2026-03", "2026-04"):
        service.draft(month, "ana")
    service.submit("2026-04", "ana")
    service.approve("2026-04", "ben")
    with pytest.raises(NotAllowedError, match="2026-04 is approved already"):
        service.submit("2026-03", "ana")
    service.draft("2026-05", "ana")
