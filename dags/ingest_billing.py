"""Stripe: customers, invoices, payments, refunds, disputes, hourly."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG

from partner_warehouse.orchestration import RETRIES, ingest_source

with DAG(
    "ingest_billing",
    description="Land what is new in Stripe",
    schedule="0 * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    tags=["ingest"],
    doc_md=__doc__,
):
    ingest_source("stripe")
