"""The event collector: touchpoints and identities, by the hour."""

from __future__ import annotations

from airflow.sdk import DAG

from partner_warehouse.orchestration import HOURLY, RETRIES, ingest_params, ingest_source

with DAG(
    "ingest_events",
    description="Land the hours that the event collector has closed",
    schedule=HOURLY,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    params=ingest_params("events"),
    tags=["ingest"],
    doc_md=__doc__,
):
    ingest_source("events")
