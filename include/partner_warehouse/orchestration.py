"""What the DAGs share: assets, the pool, how tasks retry, and how an approval is asked for and read.

Imported by every DAG file, many times a minute: nothing heavy may be imported at the top.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import (
    Asset,
    AssetAll,
    BaseNotifier,
    CronTriggerTimetable,
    Param,
    RetryDecision,
    RetryPolicy,
    TaskGroup,
    XComArg,
    task,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowSkipException

from partner_warehouse.errors import (
    BadInputError,
    GateFailedError,
    NotAllowedError,
    PermanentError,
    TransientError,
)
from partner_warehouse.exports.currencies import money
from partner_warehouse.settings import SOURCES, Settings, Source

if TYPE_CHECKING:
    from airflow.sdk import Context

    from partner_warehouse.extract.api import Window
    from partner_warehouse.ledger.payouts import PayoutState

logger = logging.getLogger(__name__)

WAREHOUSE_POOL = "warehouse"
"""One slot: DuckDB takes one writing process, and a reader in another process blocks it."""

LANDED: dict[Source, Asset] = {source: Asset(f"landing/{source}") for source in SOURCES}
"""What an `ingest_*` DAG has brought up to date."""

ALL_LANDED = AssetAll(*LANDED.values())
"""Every source has come round since the last build. One build a round, not one a source."""

HOUR = timedelta(hours=1)

HOURLY = CronTriggerTimetable("0 * * * *", timezone="UTC", interval=HOUR, run_immediately=timedelta(0))
"""At the full hour, for the hour that ends there: the runs of a backfill cover a range without a gap.

Without a start date, a DAG begins with the next tick, not with the one that has passed.
"""

PUBLICATION = Asset("publication")
"""The file that BI and finance read."""

SERVICE_USER = "airflow"
"""Who prepares a payout that a DAG drafts. It may never approve one."""

MONTH = Param(
    None,
    type=["null", "string"],
    pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
    description="The month to pay, YYYY-MM; default: the month before the run's",
)
"""The parameter of `monthly_payouts`."""

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
                return RetryDecision.retry(reason=f"transient: {first_line(exception)}")
            delay = min(timedelta(seconds=exception.retry_after), _LONGEST_WAIT)
            return RetryDecision.retry(
                delay, reason=f"asked to wait {delay.total_seconds():g} s: {first_line(exception)}"
            )
        if isinstance(exception, BadInputError | GateFailedError | NotAllowedError | PermanentError):
            return RetryDecision.fail(
                reason=f"{type(exception).__name__}, no further try would change it: {first_line(exception)}"
            )
        return RetryDecision.default()


def first_line(exception: BaseException) -> str:
    """What a fault of ours says, in its first line: it names neither a secret nor a person."""
    return (str(exception).splitlines() or [""])[0][:200]


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


def ingest_params(*sources: Source) -> dict[str, Param]:
    """The parameters of a DAG that ingests: nothing given, it brings everything up to date.

    Args:
        sources: Those of the DAG.
    """
    instant: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}
    return {
        "since": Param(
            None, **instant, description="Fetch once more what was modified from this instant on (with an offset)"
        ),
        "until": Param(None, **instant, description="Leave out what was modified at or after this instant"),
        "sources": Param(
            list(sources), type="array", items={"enum": list(sources)}, description="Only these sources of the DAG"
        ),
        "objects": Param([], type="array", items={"type": "string"}, description="Only these objects; empty: all"),
    }


def window_of(params: Mapping[str, Any], dag_run: Any) -> Window | None:
    """The range that a run fetches once more; None for a run that goes on from the cursors.

    It is what the run was triggered with, else, for a run of a backfill, its data interval.

    Args:
        params: The run's, as `ingest_params` declares them.
        dag_run: The run.

    Raises:
        BadInputError: Half a range, an empty one, or one without an offset.
    """
    from partner_warehouse.extract.api import Window

    given = params.get("since"), params.get("until")
    if any(given):
        return Window.parse(*given)
    if dag_run is None or dag_run.run_type != "backfill":
        return None
    since, until = dag_run.data_interval_start, dag_run.data_interval_end
    # Runs that were scheduled before intervals were given have one without length.
    return Window(min(since, until - HOUR), until)


def chosen_objects(source: Source, params: Mapping[str, Any], sources: Sequence[str]) -> list[str]:
    """The objects of a source that a run is for.

    Args:
        source: The source.
        params: The run's.
        sources: Those that the installation uses.

    Raises:
        BadInputError: An object that none of the run's sources has.
    """
    from partner_warehouse.extract.ingest import objects as objects_of

    among = [name for name in params.get("sources", [source]) if name in sources]
    wanted = set(params.get("objects") or ())
    unknown = wanted.difference(*(objects_of(name) for name in among))
    if unknown:
        raise BadInputError(f"no object {', '.join(sorted(unknown))} in {', '.join(among) or 'the sources in use'}")
    return [name for name in objects_of(source) if not wanted or name in wanted] if source in among else []


def ingest_source(source: Source) -> None:
    """The tasks that bring one source up to date, in a group of its name, or that fetch a range once more.

    The objects are asked for when the DAG runs, so a source that is not configured maps to nothing; its asset is
    updated all the same, since there is nothing to wait for. When an object fails, the others land, and the asset
    waits for a run that lands them all. A run for a range, or for some objects, leaves the asset alone.
    """
    with TaskGroup(group_id=source):

        @task(task_id="objects")
        def objects(params: dict[str, Any], dag_run: Any) -> list[list[str]]:
            """The objects to ingest, in as many shares as are ingested at once."""
            from partner_warehouse.settings import load_settings

            window_of(params, dag_run)
            names = chosen_objects(source, params, load_settings().sources)
            shares = min(_SHARES, len(names))
            return [names[offset::shares] for offset in range(shares)]

        @task(task_id="ingest", map_index_template="{{ task.op_kwargs['names'] | join(', ') }}")
        def ingest(names: list[str], **context: Any) -> list[dict[str, Any]]:
            """Land what is new of some objects; leaves an outcome record for each."""
            from partner_warehouse.extract.ingest import ingest_source
            from partner_warehouse.settings import load_settings

            window = window_of(context["params"], context["dag_run"])
            outcomes = ingest_source(source, load_settings(), only=names, workers=2, window=window)
            for outcome in outcomes:
                for warning in outcome.warnings:
                    logger.warning("%s.%s: %s", source, outcome.object, warning)
            return [
                {"object": outcome.object, "warnings": len(outcome.warnings)}
                | {name: getattr(outcome, name) for name in COUNTS}
                for outcome in outcomes
            ]

        @task(task_id="landed", outlets=[LANDED[source]], trigger_rule="none_failed")
        def landed(shares: Any, **context: Any) -> dict[str, int]:
            """Tell what was landed of the whole source, and that it is up to date."""
            from partner_warehouse.extract.ingest import check_source, objects
            from partner_warehouse.settings import load_settings

            outcomes = [outcome for share in shares or () for outcome in share]
            totals = {name: sum(outcome[name] for outcome in outcomes) for name in COUNTS}
            settings, params = load_settings(), context["params"]
            is_in_use = source in settings.sources
            names = chosen_objects(source, params, settings.sources) if is_in_use else []
            if window_of(params, context["dag_run"]) or (is_in_use and len(names) < len(objects(source))):
                context["ti"].xcom_push("totals", totals)
                raise AirflowSkipException(f"{source}: {totals}; a part alone does not bring the source up to date")
            if is_in_use:
                check_source(source, settings)
            context["outlet_events"][LANDED[source]].extra = totals
            return totals

        landed(ingest.expand(names=objects()))  # type: ignore[call-arg]


class ApprovalNeeded(BaseNotifier):
    """Tells finance that a month waits for an answer, with the page to answer it on.

    It never keeps the question from being asked.
    """

    template_fields = ("period", "sums")

    def __init__(self) -> None:
        super().__init__()
        self.period = "{{ ti.xcom_pull('submit')['period'] }}"
        self.sums = "{{ ti.xcom_pull('submit')['sums'] }}"

    def notify(self, context: Context) -> None:
        """Tell the channels that are configured."""
        from partner_warehouse.notifications import notify

        try:
            link = ApprovalOperator.generate_link_to_ui_from_context(context=context)
        except ValueError:  # no address of the pages is configured
            link = ""
        notify(f"Payouts of {self.period} wait for approval", f"{self.sums}\n\n{link}".rstrip())


def reminder(hours: float) -> DeadlineAlert:
    """Says what still waits for approval, so long after a run was queued, if it has not ended by then."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=SyncCallback("partner_warehouse.notifications.remind"),
    )


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
    """The XCom that holds `chosen_options`, `responded_by_user` and `params_input`."""

    FORM: ClassVar = {"reason": Param("", type=["null", "string"], title="Reason", description="Why, for the log.")}
    """The form beside the options: a person may say why."""

    template_fields = ("subject", "body", "content_hash")

    def __init__(self, *, content_hash: str, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"params": self.FORM})
        self.content_hash = content_hash

    def execute(self, context: Context) -> Any:
        """Note the hash, then wait for the person."""
        context["ti"].xcom_push(self.SHOWN, self.content_hash)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer, then do as it says."""
        if "error" not in event:
            answer = {name: event[name] for name in ("chosen_options", "responded_by_user", "params_input")}
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


def reason_of(answer: Mapping[str, Any]) -> str:
    """What the person who gave an answer says of why; empty where nothing was said."""
    return str((answer.get("params_input") or {}).get("reason") or "").strip()


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
    from partner_warehouse.notifications import sums

    lines = [
        f"**{state.period}**, version {state.version}: {state.payout_count} payouts of {state.line_count} lines.",
        "",
        "| Currency | Payouts | Payable |",
        "|---|---:|---:|",
        *(f"| {total.currency} | {total.payouts} | {money(total.payable, total.currency)} |" for total in state.totals),
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
        "sums": sums(state),
    }


def serve(settings: Settings) -> list[XComArg]:
    """The task that loads the publication into the PostgreSQL that serves BI; none where no server is configured.

    It reads the published file alone, so it holds no warehouse while it waits for the server's readers.

    Args:
        settings: As the DAG file reads them.
    """

    @task(task_id="serve", pool="default_pool")
    def load() -> None:
        from partner_warehouse import pipeline
        from partner_warehouse.settings import load_settings

        pipeline.serve(load_settings())

    return [load()] if settings.serving_url else []
