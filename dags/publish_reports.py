"""The periodic reports: performance daily, partners weekly, revenue monthly, strategy quarterly, evaluation yearly.

Each has a calendar of its own. A run writes what is due and has no page yet, so that a report that a stopped scheduler
missed comes out with the next run, and none comes out twice. Pages lie in HOME/reports; finance's channels are told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, MultipleCronTriggerTimetable, Param, task

from partner_warehouse.orchestration import BUILD_RETRIES
from partner_warehouse.reports.calendars import CALENDARS, GRAINS
from partner_warehouse.settings import load_settings

SETTINGS = load_settings()

with DAG(
    "publish_reports",
    description="Write and announce the periodic reports",
    schedule=MultipleCronTriggerTimetable(
        *(calendar.cron for calendar in CALENDARS.values()), timezone=SETTINGS.timezone, run_immediately=timedelta(0)
    ),
    catchup=False,
    max_active_runs=1,
    default_args=BUILD_RETRIES,
    params={
        "reports": Param(
            [], type="array", items={"enum": list(GRAINS)}, description="Write these again; empty: what is due"
        )
    },
    tags=["reports"],
    doc_md=__doc__,
):

    @task
    def due(params: dict[str, Any], dag_run: Any) -> list[str]:
        """The reports to write: those asked for, else those due on the run's day."""
        from partner_warehouse.reports import pages

        moment = dag_run.logical_date or dag_run.run_after
        day = moment.astimezone(ZoneInfo(SETTINGS.timezone)).date()
        return list(params["reports"]) or list(pages.due(load_settings(), day))

    @task(map_index_template="{{ task.op_kwargs['report'] }}")
    def publish(report: Any) -> dict[str, Any]:
        """Write one page, then tell of it."""
        from partner_warehouse.reports import pages

        page = pages.write(load_settings(), report)
        return {"page": str(page.path), "headline": page.headline, "told": pages.announce(page)}

    publish.expand(report=due())
