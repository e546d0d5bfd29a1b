"""The file drop: whatever lies in the inbox, each file once, hourly."""

from __future__ import annotations

from airflow.sdk import DAG

from partner_warehouse.orchestration import HOURLY, RETRIES, ingest_params, ingest_source

with DAG(
    "ingest_files",
    description="Land the files of the inbox that were not taken yet",
    schedule=HOURLY,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    params=ingest_params("files"),
    tags=["ingest"],
    doc_md=__doc__,
):
    ingest_source("files")
