"""How tasks retry, and how an answer to an approval is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from partner_warehouse.errors import (
    BadInputError,
    GateFailedError,
    NotAllowedError,
    PermanentError,
    TransientError,
)
from partner_warehouse.orchestration import StepRetryPolicy, month_before, responder

POLICY = StepRetryPolicy()


def test_a_rate_limit_is_waited_for_as_long_as_the_other_side_asked() -> None:
    decision = POLICY.evaluate(TransientError("429", retry_after=42), 1, 4)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=42)


def test_what_passes_without_saying_when_takes_the_back_off_of_the_task() -> None:
    decision = POLICY.evaluate(TransientError("502"), 1, 4)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is None


def test_no_server_makes_us_wait_for_days() -> None:
    decision = POLICY.evaluate(TransientError("429", retry_after=10**6), 1, 4)
    assert decision.retry_delay == timedelta(hours=1)


@pytest.mark.parametrize(
    "fault", [BadInputError("x"), GateFailedError("x"), NotAllowedError("x"), PermanentError("x")], ids=repr
)
def test_what_no_further_try_changes_fails_at_once(fault: Exception) -> None:
    assert POLICY.evaluate(fault, 1, 4).action is RetryAction.FAIL


def test_what_nobody_can_name_takes_the_ordinary_retries() -> None:
    assert POLICY.evaluate(OSError("disk full"), 1, 4).action is RetryAction.DEFAULT


ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {},
    "responded_at": "2026-10-02T09:00:00Z",
    "responded_by_user": {"id": "17", "name": "fiona"},
}


def test_the_answer_names_the_person_by_login() -> None:
    assert responder(ANSWER, chosen="Approve") == "fiona"


@pytest.mark.parametrize("answer", [None, {}, ANSWER | {"responded_by_user": None}], ids=["none", "empty", "nobody"])
def test_a_task_marked_as_successful_by_hand_is_nobodys_approval(answer: dict[str, object] | None) -> None:
    with pytest.raises(NotAllowedError, match="nobody answered"):
        responder(answer, chosen="Approve")


def test_a_rejection_is_not_an_approval() -> None:
    with pytest.raises(NotAllowedError, match="Reject, not Approve"):
        responder(ANSWER | {"chosen_options": ["Reject"]}, chosen="Approve")


@pytest.mark.parametrize(
    ("instant", "timezone", "period"),
    [
        (datetime(2026, 10, 2, 6, tzinfo=UTC), "UTC", "2026-09"),
        (datetime(2026, 1, 2, 6, tzinfo=UTC), "UTC", "2025-12"),
        # In New York it is still the last day of September.
        (datetime(2026, 10, 1, 3, tzinfo=UTC), "America/New_York", "2026-08"),
        (datetime(2026, 9, 30, 23, tzinfo=UTC), "Asia/Tokyo", "2026-09"),
    ],
)
def test_the_month_to_pay_is_the_one_before_in_the_reports_time_zone(
    instant: datetime, timezone: str, period: str
) -> None:
    assert month_before(instant, timezone) == period
