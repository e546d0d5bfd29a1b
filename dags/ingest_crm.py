"""Salesforce and HubSpot: partners, customers, leads, deals, activities, hourly."""

from __future__ import annotations

from airflow.sdk import DAG

from partner_warehouse.orchestration import HOURLY, RETRIES, ingest_params, ingest_source

with DAG(
    "ingest_crm",
    description="Land what is new in Salesforce and HubSpot",
    schedule=HOURLY,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
    params=ingest_params("salesforce", "hubspot"),
    tags=["ingest"],
    doc_md=__doc__,
):
    ingest_source("salesforce")
    ingest_source("hubspot")
