"""A month's commissions: drafted, gated, put to a person of finance, posted to the ledger, exported, published.

The ledger decides, not this DAG: posting checks who answered, that the answer was Approve, that it was not the
preparer, and that what would be posted is what was shown. A month that is approved already ends the run at once.
What is exported are files; a person hands them to the bank. Clear `export` to order what was mended in the bank vault.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, DeadlineAlert, DeadlineReference, Param, SyncCallback, task
from airflow.sdk.exceptions import AirflowSkipException

from partner_warehouse.orchestration import (
    BUILD_RETRIES,
    PUBLICATION,
    SERVICE_USER,
    WAREHOUSE_POOL,
    ApprovalNeeded,
    PayoutApproval,
    month_before,
    responder,
    statement,
    sums,
)
from partner_warehouse.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "monthly_payouts",
    description="Draft, approve and post the payouts of a month",
    schedule=CronTriggerTimetable("0 6 2 * *", timezone=SETTINGS.timezone, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=12,  # a month that waits for its answer does not keep the next one from being drafted
    default_args=BUILD_RETRIES,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=SETTINGS.approval_reminder_hours),
        callback=SyncCallback("partner_warehouse.notifications.remind"),
    ),
    params={
        "period": Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
            description="The month to pay, YYYY-MM; default: the month before the run's",
        )
    },
    tags=["payouts"],
    doc_md=__doc__,
):

    @task
    def draft(params: dict[str, Any], dag_run: Any) -> str:
        """Draft the month from the publication; unchanged, an earlier draft stands. What is posted ends the run."""
        from partner_warehouse.ledger.payouts import CLOSED, PayoutService

        period: str = params["period"] or month_before(dag_run.logical_date or dag_run.run_after, SETTINGS.timezone)
        service = PayoutService(load_settings())
        state = service.state(period)
        if state is not None and state.status in CLOSED:
            raise AirflowSkipException(f"{period} is {state.status} already")
        service.draft(period, SERVICE_USER)
        return period

    @task(max_active_tis_per_dag=1)
    def gate() -> dict[str, int]:
        """Hold the draft against the expectations of payouts."""
        from partner_warehouse.quality.gates import check

        return {"expectations": len(check("payouts", load_settings()).results)}

    @task
    def submit(period: str) -> dict[str, Any]:
        """Close the draft: from here on its content has a hash, and an answer is for that content alone."""
        from partner_warehouse.ledger.payouts import PayoutService

        return statement(PayoutService(load_settings()).submit(period, SERVICE_USER))

    approve = PayoutApproval(
        task_id="approve",
        subject="Payouts of {{ ti.xcom_pull('submit')['period'] }}: approve?",
        body="{{ ti.xcom_pull('submit')['text'] }}",
        content_hash="{{ ti.xcom_pull('submit')['content_hash'] }}",
        assigned_users=[{"id": name, "name": name} for name in SETTINGS.approvers],
        notifiers=[
            ApprovalNeeded(
                "Payouts of {{ ti.xcom_pull('submit')['period'] }} wait for approval",
                "{{ ti.xcom_pull('submit')['sums'] }}",
            )
        ],
        response_timeout=timedelta(days=14),
        retries=0,
    )

    @task
    def post(period: str, ti: Any) -> dict[str, str]:
        """Post what was approved, if a person approved exactly this content."""
        from partner_warehouse.ledger.payouts import PayoutService
        from partner_warehouse.notifications import notify

        user = responder(ti.xcom_pull("approve", key=PayoutApproval.ANSWER), chosen=PayoutApproval.APPROVE)
        shown: str = ti.xcom_pull("approve", key=PayoutApproval.SHOWN)
        state = PayoutService(load_settings()).approve(period, user, content_hash=shown)
        if state.status == "submitted":
            notify(f"Payouts of {period}: first approval by {user}, a second person must approve", sums(state))
            raise AirflowSkipException(f"{user} approved; a second person approves with `partner-warehouse payouts`")
        notify(f"Payouts of {period} approved by {user}", sums(state))
        return {"period": period, "approved_by": user, "content_hash": shown}

    @task
    def export(posted: dict[str, str]) -> dict[str, Any]:
        """Write the files for banks and ERP. What the bank vault lacks is left out, counted, and told."""
        from partner_warehouse.ledger.payouts import PayoutService
        from partner_warehouse.notifications import notify

        state = PayoutService(load_settings()).export(posted["period"], SERVICE_USER)
        bank = (
            f"{state.exceptions} payouts are in no bank file" if state.has_bank_files else "no bank vault, no bank file"
        )
        notify(f"Payouts of {state.period} exported", f"{sums(state)}\n{bank}")
        return {"period": state.period, "exceptions": state.exceptions, "has_bank_files": state.has_bank_files}

    @task
    def statements(exported: dict[str, Any]) -> dict[str, int]:
        """Write the partners' statements."""
        from partner_warehouse.exports.statements import write

        written = write(load_settings(), exported["period"])
        return {"statements": written.statements, "payouts": written.payouts}

    @task(trigger_rule="all_skipped")
    def reject(ti: Any) -> None:
        """Give the month back to be drafted again, if that was the answer."""
        from partner_warehouse.ledger.payouts import PayoutService
        from partner_warehouse.notifications import notify

        answer = ti.xcom_pull("approve", key=PayoutApproval.ANSWER)
        if not answer or answer["chosen_options"] != [PayoutApproval.REJECT]:
            raise AirflowSkipException("nothing was rejected")
        user = responder(answer, chosen=PayoutApproval.REJECT)
        state = PayoutService(load_settings()).reject(ti.xcom_pull("draft"), user, reason="rejected in Airflow")
        notify(f"Payouts of {state.period} rejected by {user}", sums(state))

    @task(pool=WAREHOUSE_POOL, outlets=[PUBLICATION], trigger_rule="none_skipped")
    def refresh(ti: Any) -> None:
        """Bring what was posted into the marts, and publish them, unless another month's refresh has done it.

        It waits for the export, so that one refresh shows both, and does not depend on it.
        """
        from partner_warehouse import pipeline
        from partner_warehouse.ledger.payouts import PayoutService

        posted = ti.xcom_pull("post")
        if posted is None:
            raise AirflowSkipException("nothing was posted")
        settings = load_settings()
        state = PayoutService(settings).state(posted["period"])
        if state is None or not pipeline.publishes(settings, state.period, state.status):
            pipeline.after_posting(settings)

    period = draft()
    posted = post(period)
    period >> gate() >> submit(period) >> approve >> posted >> reject()
    exported = export(posted)
    statements(exported)
    exported >> refresh()
