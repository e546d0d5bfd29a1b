"""A month's commissions: drafted, gated, put to a person of finance, posted to the ledger, exported, published.

The ledger decides, not this DAG: posting checks who answered, that the answer was Approve, that it was not the
preparer, and that what would be posted is what was shown. A month that is approved already ends the run at once.
What is exported are files; a person hands them to the bank. Clear `export` to order what was mended in the bank vault.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, chain, task

from partner_warehouse.orchestration import (
    BUILD_RETRIES,
    MONTH,
    PUBLICATION,
    SERVICE_USER,
    WAREHOUSE_POOL,
    ApprovalNeeded,
    PayoutApproval,
    month_before,
    reminder,
    serve,
    statement,
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
    deadline=reminder(SETTINGS.approval_reminder_hours),
    params={"period": MONTH},
    tags=["payouts"],
    doc_md=__doc__,
):

    @task
    def draft(params: dict[str, Any], dag_run: Any) -> str:
        """Draft the month from the publication. What is posted ends the run."""
        from partner_warehouse import payout_steps

        period: str = params["period"] or month_before(dag_run.logical_date or dag_run.run_after, SETTINGS.timezone)
        payout_steps.draft(load_settings(), period)
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
        notifiers=[ApprovalNeeded()],
        response_timeout=timedelta(days=14),
        retries=0,
    )

    @task
    def post(period: str, ti: Any) -> dict[str, str]:
        """Post what was approved, if a person approved exactly this content."""
        from partner_warehouse import payout_steps

        answer, shown = (ti.xcom_pull("approve", key=key) for key in (PayoutApproval.ANSWER, PayoutApproval.SHOWN))
        return payout_steps.post(load_settings(), period, answer, shown)

    @task(trigger_rule="all_skipped")
    def reject(ti: Any) -> None:
        """Give the month back to be drafted again, if that was the answer."""
        from partner_warehouse import payout_steps

        answer = ti.xcom_pull("approve", key=PayoutApproval.ANSWER)
        payout_steps.reject(load_settings(), ti.xcom_pull("draft"), answer)

    @task
    def export(posted: dict[str, str]) -> dict[str, Any]:
        """Write the files for banks and ERP."""
        from partner_warehouse import payout_steps

        return payout_steps.export(load_settings(), posted["period"])

    @task
    def statements(exported: dict[str, Any]) -> dict[str, int]:
        """Write the partners' statements."""
        from partner_warehouse.exports.statements import write

        return {"statements": write(load_settings(), exported["period"]).statements}

    @task(pool=WAREHOUSE_POOL, outlets=[PUBLICATION], trigger_rule="none_skipped")
    def refresh(ti: Any) -> None:
        """Publish what was posted; after the export, so that it is published once, and whether or not it went well."""
        from partner_warehouse import payout_steps

        payout_steps.refresh(load_settings(), ti.xcom_pull("post"))

    period = draft()
    posted = post(period)
    period >> gate() >> submit(period) >> approve >> posted >> reject()
    statements(exported := export(posted))
    chain(exported, refresh(), *serve(SETTINGS))
