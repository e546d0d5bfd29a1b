"""What the tasks of `monthly_payouts` do with a month, and whom they tell. The ledger decides; a task only asks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from partner_warehouse import pipeline
from partner_warehouse.ledger.events import CLOSED
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.notifications import notify, sums
from partner_warehouse.orchestration import SERVICE_USER, PayoutApproval, reason_of, responder
from partner_warehouse.settings import Settings

Answer = Mapping[str, Any] | None
"""What `PayoutApproval` has kept."""


def draft(settings: Settings, period: str) -> None:
    """Draft a month from the publication; unchanged, an earlier draft stands. What is posted ends the run."""
    service = PayoutService(settings)
    state = service.state(period)
    if state is not None and state.status in CLOSED:
        raise AirflowSkipException(f"{period} is {state.status} already")
    service.draft(period, SERVICE_USER)


def post(settings: Settings, period: str, answer: Answer, shown: str) -> dict[str, str]:
    """Post what was approved, if a person approved exactly this content.

    Args:
        settings: The installation.
        period: `YYYY-MM`.
        answer: Of the person.
        shown: Hash of the content that this person was shown.

    Raises:
        NotAllowedError: Nobody approved, or not this.
    """
    user = responder(answer, chosen=PayoutApproval.APPROVE)
    state = PayoutService(settings).approve(period, user, reason_of(answer or {}), content_hash=shown)
    if state.status == "submitted":
        notify(f"Payouts of {period}: first approval by {user}, a second person must approve", sums(state))
        raise AirflowSkipException(f"{user} approved; a second person approves with `partner-warehouse payouts`")
    notify(f"Payouts of {period} approved by {user}", sums(state))
    return {"period": period, "approved_by": user, "content_hash": shown}


def reject(settings: Settings, period: str, answer: Answer) -> None:
    """Give the month back to be drafted again, if that was the answer."""
    if not answer or answer["chosen_options"] != [PayoutApproval.REJECT]:
        raise AirflowSkipException("nothing was rejected")
    user = responder(answer, chosen=PayoutApproval.REJECT)
    state = PayoutService(settings).reject(period, user, reason_of(answer) or "rejected in Airflow")
    notify(f"Payouts of {state.period} rejected by {user}", sums(state))


def export(settings: Settings, period: str) -> dict[str, Any]:
    """Write the files for banks and ERP. What the bank vault lacks is left out, counted, and told."""
    state = PayoutService(settings).export(period, SERVICE_USER)
    bank = f"{state.exceptions} payouts are in no bank file" if state.has_bank_files else "no bank vault, no bank file"
    notify(f"Payouts of {period} exported", f"{sums(state)}\n{bank}")
    return {"period": period, "exceptions": state.exceptions, "has_bank_files": state.has_bank_files}


def refresh(settings: Settings, posted: Mapping[str, str] | None) -> None:
    """Bring what was posted into the marts, and publish them, unless another month's refresh has done it.

    Where the warehouse is not whole, nothing is published here: `build_warehouse` does it.
    """
    if posted is None:
        raise AirflowSkipException("nothing was posted")
    state = PayoutService(settings).state(posted["period"])
    if state is None or not pipeline.publishes(settings, state):
        unpublished = pipeline.after_posting(settings)
        if unpublished is not None:
            raise AirflowSkipException(f"{posted['period']} is posted, and not published yet: {unpublished}")
