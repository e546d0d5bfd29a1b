"""What the DAGs share: assets, the pool, how tasks retry, and how an approval is asked for and read.

Imported by every DAG file, many times a minute: nothing heavy may be imported at the top.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Asset, AssetAll, CronTriggerTimetable, RetryDecision, RetryPolicy, TaskGroup, task

from partner_warehouse.errors import (
    BadInputError,
    GateFailedError,
    NotAllowedError,
    PermanentError,
    TransientError,
)
from partner_warehouse.settings import SOURCES, Source

if TYPE_CHECKING:
    from airflow.sdk import Context

    from partner_warehouse.ledger.payouts import PayoutState

WAREHOUSE_POOL = "warehouse"
"""One slot: DuckDB takes one writing process, and a reader in another process blocks it."""

LANDED: dict[Source, Asset] = {source: Asset(f"landing/{source}") for source in SOURCES}
"""What an `ingest_*` DAG has brought up to date."""

ALL_LANDED = AssetAll(*LANDED.values())
"""Every source has come round since the last build. One build a round, not one a source."""

HOURLY = CronTriggerTimetable("0 * * * *", timezone="UTC", run_immediately=timedelta(0))
"""At the full hour. Without a start date, a DAG begins with the next tick, not with the one that has passed."""

PUBLICATION = Asset("publication")
"""The file that BI and finance read."""

SERVICE_USER = "airflow"
"""Who prepares a payout that a DAG drafts. It may never approve one."""

COUNTS = ("received", "landed", "quarantined", "duplicates")
"""What a load counts; never what it holds."""

_SHARES = 3
"""Mapped tasks of a source. A task costs about a second of processor time before it does anything."""

_LONGEST_WAIT = timedelta(hours=1)
"""However long the other side asks us to wait, we look again after this."""


class StepRetryPolicy(RetryPolicy):
    """Tries again what may pass, as late as the other side asked for, and nothing else that we can name.

    A fault that we cannot name (a worker that was killed, a disk that was full) takes the task's ordinary retries.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the kind of the fault; called in the worker, with the exception at hand."""
        if isinstance(exception, TransientError):
            if exception.retry_after is None:
                return RetryDecision.retry(reason="transient")
            delay = min(timedelta(seconds=exception.retry_after), _LONGEST_WAIT)
            return RetryDecision.retry(delay, reason=f"the other side asked to wait {delay.total_seconds():g} s")
        if isinstance(exception, BadInputError | GateFailedError | NotAllowedError | PermanentError):
            return RetryDecision.fail(reason=f"{type(exception).__name__}: no further try would change it")
        return RetryDecision.default()


RETRIES: dict[str, Any] = {
    "retries": 4,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": StepRetryPolicy(),
}
"""`default_args` of the DAGs that talk to sources."""

BUILD_RETRIES: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=30), "retry_policy": StepRetryPolicy()}
"""`default_args` of the DAGs that compute: what failed once by its data fails again."""


def ingest_source(source: Source) -> None:
    """The tasks that bring one source up to date, in a group of its name.

    The objects are asked for when the DAG runs, so a source that is not configured maps to nothing; its asset is
    updated all the same, since there is nothing to wait for. When an object fails, the others land, and the asset
    waits for a run that lands them all.
    """
    with TaskGroup(group_id=source):

        @task(task_id="objects")
        def objects() -> list[list[str]]:
            """The source's objects, in as many shares as are ingested at once."""
            from partner_warehouse.settings import load_settings

            if source not in load_settings().sources:
                return []
            from partner_warehouse.extract.ingest import objects as objects_of

            names = objects_of(source)
            shares = min(_SHARES, len(names))
            return [list(names[offset::shares]) for offset in range(shares)]

        @task(task_id="ingest", map_index_template="{{ task.op_kwargs['names'] | join(', ') }}")
        def ingest(names: list[str]) -> list[dict[str, Any]]:
            """Land what is new of some objects; leaves an outcome record for each."""
            from partner_warehouse.extract.ingest import ingest_source
            from partner_warehouse.settings import load_settings

            outcomes = ingest_source(source, load_settings(), only=names, workers=2)
            return [
                {"object": outcome.object} | {name: getattr(outcome, name) for name in COUNTS} for outcome in outcomes
            ]

        @task(task_id="landed", outlets=[LANDED[source]], trigger_rule="none_failed")
        def landed(shares: Any, **context: Any) -> dict[str, int]:
            """Tell what was landed of the whole source, and that it is up to date."""
            outcomes = [outcome for share in shares or () for outcome in share]
            totals = {name: sum(outcome[name] for outcome in outcomes) for name in COUNTS}
            context["outlet_events"][LANDED[source]].extra = totals
            return totals

        landed(ingest.expand(names=objects()))


class PayoutApproval(ApprovalOperator):
    """Asks a person to approve a payout, and keeps the answer with the hash of the content that this person was shown.

    The answer is kept here too because a rejection leaves no return value: it ends the task by skipping what follows.

    Args:
        content_hash: Hash of what is put to approval; a template.
        kwargs: As for `ApprovalOperator`.
    """

    SHOWN = "content_hash_shown"
    """The XCom that holds the hash."""

    ANSWER = "answer"
    """The XCom that holds `chosen_options` and `responded_by_user`."""

    template_fields = ("subject", "body", "content_hash")

    def __init__(self, *, content_hash: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.content_hash = content_hash

    def execute(self, context: Context) -> Any:
        """Note the hash, then wait for the person."""
        context["ti"].xcom_push(self.SHOWN, self.content_hash)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer, then do as it says."""
        if "error" not in event:
            answer = {name: event[name] for name in ("chosen_options", "responded_by_user")}
            context["ti"].xcom_push(self.ANSWER, answer)
        return super().execute_complete(context, event)


def responder(answer: Mapping[str, Any] | None, *, chosen: str) -> str:
    """The person who gave this answer.

    Anyone who may edit a DAG run can mark the asking task as successful; then there is no answer, and nobody to name.

    Args:
        answer: What the approval task has kept as `PayoutApproval.ANSWER`.
        chosen: The option that must have been chosen.

    Returns:
        The login of the person.

    Raises:
        NotAllowedError: Nobody answered, or the answer was another one.
    """
    if not answer or not answer.get("responded_by_user"):
        raise NotAllowedError(
            "nobody answered the approval: the task was marked as successful, or timed out\n"
            "clear the task `approve` and answer it, or approve with `partner-warehouse payouts approve`"
        )
    if list(answer["chosen_options"]) != [chosen]:
        raise NotAllowedError(f"the answer was {', '.join(answer['chosen_options'])}, not {chosen}")
    return str(answer["responded_by_user"]["name"])


def month_before(instant: datetime, timezone: str) -> str:
    """The period to pay at this instant: the calendar month before it, in the reports' time zone.

    Returns:
        `YYYY-MM`.
    """
    local = instant.astimezone(ZoneInfo(timezone))
    return (local.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def statement(state: PayoutState) -> dict[str, Any]:
    """What a person is shown before approving a month, as plain values: totals, counts and the content's hash.

    It names no partner and no customer: it is kept by Airflow, where more people read than in the ledger.
    """
    lines = [
        f"**{state.period}**, version {state.version}: {state.payout_count} payouts of {state.line_count} lines.",
        "",
        "| Currency | Payouts | Payable |",
        "|---|---:|---:|",
        *(f"| {total.currency} | {total.payouts} | {total.payable:,f} |" for total in state.totals),
        "",
        f"Content `{state.content_hash}`, prepared by {state.submitted_by}.",
        f"Every line: `partner-warehouse payouts show {state.period}`.",
    ]
    return {
        "period": state.period,
        "version": state.version,
        "content_hash": state.content_hash,
        "payouts": state.payout_count,
        "lines": state.line_count,
        "totals": [[total.currency, total.payouts, f"{total.payable:f}"] for total in state.totals],
        "text": "\n".join(lines),
    }
