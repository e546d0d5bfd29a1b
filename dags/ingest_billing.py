"""Stripe: customers, invoices, payments, refunds, disputes, hourly."""

from __future__ import annotations

from airflow.sdk import DAG

from partner_warehouse.orchestration import HOURLY, RETRIES, ingest_params, ingest_source

with DAG(
    "ingest_billing",
    description="Land what is new in Stripe",
    schedule=HOURLY,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    params=ingest_params("stripe"),
    tags=["ingest"],
    doc_md=__doc__,
):
    ingest_source("stripe")
