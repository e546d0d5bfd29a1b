"""The DAGs' runs of the main job, in order: started and watched over Airflow's API."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import httpx

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.ledger.events import CLOSED
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.orchestration import SERVICE_USER, WAREHOUSE_POOL
from partner_warehouse.reports.calendars import GRAINS
from partner_warehouse.sandbox import bank_vault, calendar
from partner_warehouse.sandbox.airflow_api import AirflowApi, DagRun
from partner_warehouse.sandbox.local_airflow import LocalAirflow
from partner_warehouse.settings import Settings

T = TypeVar("T")

INGEST = {
    "ingest_crm": ("salesforce", "hubspot"),
    "ingest_billing": ("stripe",),
    "ingest_events": ("events",),
    "ingest_files": ("files",),
}
"""The DAGs that ingest, and their sources."""

DAGS = (*INGEST, "build_warehouse", "monthly_payouts", "publish_reports")

APPROVED_THROUGH_AIRFLOW = 3
"""How many of the closed months are approved through the API; one more, the newest, waits for a person."""

_POLL = 1.0
"""Seconds between two looks."""

_WITHIN = 600.0
"""Seconds that one step may take before it counts as hung."""


def closed_months() -> list[str]:
    """The sample company's closed months, oldest first, `YYYY-MM`."""
    return [f"{month:%Y-%m}" for month in calendar.months(last=calendar.OPEN_MONTH)]


@dataclass
class Steps:
    """The DAGs' runs, in order, watched over Airflow's API."""

    settings: Settings
    airflow: LocalAirflow
    api: AirflowApi
    approver: AirflowApi
    say: Callable[[str], None]

    def prepare(self) -> None:
        """Wait until Airflow knows the DAGs, set the pool, let them run."""
        self._until(lambda: self.api.dag_ids().issuperset(DAGS), "Airflow to read the DAG files")
        self.api.set_pool(WAREHOUSE_POOL, 1, "One process at a time holds the warehouse file")
        for dag_id in DAGS:
            self.api.pause(dag_id, paused=False)

    def pause(self) -> None:
        """Leave the DAGs paused, so that the next start does not begin with what the schedule has missed.

        It is called on the way out, after a fault too: an Airflow that no longer answers is not a second fault.
        """
        with suppress(httpx.HTTPError, PartnerWarehouseError):
            for dag_id in DAGS:
                self.api.pause(dag_id, paused=True)

    def ingest_and_build(self) -> None:
        """All sources at once; the build follows by itself when every source has come round."""
        before = {run.run_id for run in self.api.runs("build_warehouse")}
        runs = {dag_id: self.api.trigger(dag_id) for dag_id in INGEST}
        for dag_id, run in runs.items():
            self._finished(run)
            for source in INGEST[dag_id]:
                self._say_landed(run, source)
        build = self._until(
            lambda: next((run for run in self.api.runs("build_warehouse") if run.run_id not in before), None),
            "the build that follows the ingestion",
        )
        self._finished(build)
        self.say(f"the bank vault has {bank_vault.fill(self.settings)} accounts")

    def post_history(self) -> None:
        """The older closed months, approved in this process: they were paid before Airflow came into the house."""
        service = PayoutService(self.settings)
        posted = 0
        for period in closed_months()[: -APPROVED_THROUGH_AIRFLOW - 1]:
            state = service.state(period)
            if state is not None and state.status in CLOSED:
                continue
            service.draft(period, SERVICE_USER)
            submitted = service.submit(period, SERVICE_USER)
            service.approve(period, self.approver.user, content_hash=submitted.content_hash)
            service.export(period, SERVICE_USER)
            service.paid(period, SERVICE_USER)
            posted += 1
        self.say(f"posted {posted} older months to the ledger" if posted else "the older months are posted already")

    def approve_through_airflow(self) -> None:
        """The last closed months by the DAG: Fiona answers for all but the newest."""
        *answered, waiting = closed_months()[-APPROVED_THROUGH_AIRFLOW - 1 :]
        runs = [run for period in answered if (run := self._approve(period)) is not None]
        self._ask(waiting)
        for run in runs:
            self._finished(run, quiet=True)
            self._say_exported(run)
        self.say(f"published; {waiting} waits for a person")

    def report(self) -> None:
        """The reports of the newest periods, by their DAG."""
        run = self.api.trigger("publish_reports", {"reports": list(GRAINS)})
        self._finished(run)
        self.say(f"{len(GRAINS)} reports are written")

    def _say_exported(self, run: DagRun) -> None:
        exported, written = self.api.xcom(run, "export"), self.api.xcom(run, "statements")
        self.say(
            f"{exported['period']} was exported: bank files, {written['statements']} statements; "
            f"without usable bank details: {exported['exceptions']}"
        )

    def _approve(self, period: str) -> DagRun | None:
        state = PayoutService(self.settings).state(period)
        if state is not None and state.status in CLOSED:
            self.say(f"{period} is {state.status} already")
            return None
        run = self._ask(period)
        self.approver.answer(run, "approve", "Approve")
        self._until(lambda: self._task_done(run, "post"), f"{period} to be posted", run)
        self.say(f"{period} was approved by {self.approver.user} and posted")
        return run

    def _ask(self, period: str) -> DagRun:
        """The run of a month that waits for an answer: the one that waits already, or a new one."""
        run = self._waiting(period) or self.api.trigger("monthly_payouts", {"period": period})
        self._until(lambda: self._is_asking(run), f"{period} to be put to approval", run)
        return run

    def _waiting(self, period: str) -> DagRun | None:
        return next(
            (
                run
                for run in self.api.runs("monthly_payouts")
                if run.state == "running" and run.conf.get("period") == period and self._is_asking(run)
            ),
            None,
        )

    def _is_asking(self, run: DagRun) -> bool:
        return any(task.task_id == "approve" and task.state == "awaiting_input" for task in self.api.tasks(run))

    def _task_done(self, run: DagRun, task_id: str) -> bool:
        return any(task.task_id == task_id and task.state == "success" for task in self.api.tasks(run))

    def _finished(self, run: DagRun, *, quiet: bool = False) -> None:
        """Wait for a run to end; say what each of its tasks took unless `quiet`."""
        said: set[str] = set()

        def ended() -> bool:
            if not quiet and run.dag_id == "build_warehouse":
                self._say_tasks(run, said)
            return self.api.run(run.dag_id, run.run_id).finished

        self._until(ended, f"{run.dag_id} to end", run)
        self._raise_if_failed(run)

    def _say_tasks(self, run: DagRun, said: set[str]) -> None:
        for task in self.api.tasks(run):
            if task.state == "success" and task.label not in said:
                said.add(task.label)
                self.say(f"{run.dag_id}: {task.label} ({task.duration or 0:.1f} s)")

    def _say_landed(self, run: DagRun, source: str) -> None:
        counts = self.api.xcom(run, f"{source}.landed")
        self.say(
            f"{run.dag_id}: {source}: {counts['received']:,} records received, {counts['landed']:,} landed, "
            f"{counts['quarantined']:,} quarantined, {counts['duplicates']:,} known already"
        )

    def _raise_if_failed(self, run: DagRun) -> None:
        if self.api.run(run.dag_id, run.run_id).state != "failed":
            return
        failed = [task for task in self.api.tasks(run) if task.state == "failed"]
        texts = ["\n".join([f"{run.dag_id}: task {task.label} failed", *self.api.log(run, task)]) for task in failed]
        raise PartnerWarehouseError("\n".join(texts) or f"{run.dag_id}: run {run.run_id} failed")

    def _until(self, poll: Callable[[], T | None], what: str, run: DagRun | None = None) -> T:
        """Poll until there is an answer; give up when Airflow ends, the run fails, or it takes too long."""
        deadline = time.monotonic() + _WITHIN
        while not (answer := poll()):
            self.airflow.check()
            if run is not None:
                self._raise_if_failed(run)
            elif errors := self.api.import_errors():
                raise PartnerWarehouseError("Airflow could not read the DAG files\n" + "\n".join(errors))
            if time.monotonic() > deadline:
                raise PartnerWarehouseError(f"waited {_WITHIN:.0f} s for {what}; the logs are in {self.airflow.logs}")
            time.sleep(_POLL)
        return answer
