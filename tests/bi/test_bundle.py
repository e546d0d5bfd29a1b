"""The dashboards in the repository: whole, over marts that exist, without a secret."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from typing import Any

import pytest
import yaml
from sqlalchemy import URL

from partner_warehouse.bi.superset import BUNDLE, documents, packed
from partner_warehouse.cli import main
from partner_warehouse.settings import DBT_PROJECT

DASHBOARDS = {
    "Attribution comparison",
    "Executive KPIs",
    "Partner scorecard",
    "Payouts and accruals",
    "Programme operations",
}
MARTS = URL.create("postgresql+psycopg", "reader", "s3cret", "db.example.com", 5432, "marts")


@cache
def contracts() -> dict[str, set[str]]:
    """The columns of each mart, by `schema.table`."""
    found: dict[str, set[str]] = {}
    for path in (DBT_PROJECT / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            found[f"{path.parent.name}.{model['name']}"] = {column["name"] for column in model["columns"]}
    return found


def charts_of(dashboard: dict[str, Any]) -> list[str]:
    return [cell["meta"]["uuid"] for name, cell in dashboard["position"].items() if name.startswith("CHART-")]


def test_the_five_dashboards_show_every_chart_once() -> None:
    dashboards = {document["dashboard_title"]: document for document in documents("dashboards")}
    assert set(dashboards) == DASHBOARDS
    shown = sorted(chart for dashboard in dashboards.values() for chart in charts_of(dashboard))
    assert shown == sorted(chart["uuid"] for chart in documents("charts"))
    assert len(shown) == len(set(shown))


def test_every_dataset_is_a_mart_with_its_columns() -> None:
    (database,) = documents("databases")
    for dataset in documents("datasets"):
        table = f"{dataset['schema']}.{dataset['table_name']}"
        if dataset["sql"]:
            table = dataset["sql"].split()[3]
        assert {column["column_name"] for column in dataset["columns"]} == contracts()[table], table
        assert dataset["database_uuid"] == database["uuid"]


def test_every_chart_is_over_a_dataset_and_carries_its_query() -> None:
    datasets = {dataset["uuid"]: dataset for dataset in documents("datasets")}
    for chart in documents("charts"):
        columns = {column["column_name"] for column in datasets[chart["dataset_uuid"]]["columns"]}
        (query,) = json.loads(chart["query_context"])["queries"]
        named = {column for column in query["columns"] if isinstance(column, str)}
        assert named <= columns, chart["slice_name"]


def test_the_archive_names_the_database_and_not_its_password() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(MARTS))) as archive:
        names = archive.namelist()
        whole = b"".join(archive.read(name) for name in names)
        database = yaml.safe_load(archive.read("partner_warehouse/databases/partner_marts.yaml"))
    assert len(names) == len(list(BUNDLE.rglob("*.yaml")))
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://reader:XXXXXXXXXX@db.example.com:5432/marts"
    assert b"s3cret" not in whole


def test_without_connections_the_command_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SUPERSET_DEFAULT", "MARTS_BI_DEFAULT"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{name}", raising=False)
    assert main(["dashboards"]) == 2
    assert "superset_default" in capsys.readouterr().err
    monkeypatch.setenv("AIRFLOW_CONN_SUPERSET_DEFAULT", "http://admin:x@127.0.0.1:1")
    assert main(["dashboards"]) == 2
    assert "marts_bi_default" in capsys.readouterr().err


def test_the_exposures_name_what_each_dashboard_shows() -> None:
    """And its address is the dashboard's."""
    text = (DBT_PROJECT / "models" / "exposures.yml").read_text(encoding="utf-8")
    exposures = {exposure["label"]: exposure for exposure in yaml.safe_load(text)["exposures"]}
    charts = {chart["uuid"]: chart for chart in documents("charts")}
    datasets = {dataset["uuid"]: dataset for dataset in documents("datasets")}
    for dashboard in documents("dashboards"):
        exposure = exposures[dashboard["dashboard_title"]]
        assert exposure["url"].endswith(f"/{dashboard['slug']}/")
        shown = [datasets[charts[chart]["dataset_uuid"]] for chart in charts_of(dashboard)]
        tables = {
            dataset["sql"].split()[3].split(".")[1] if dataset["sql"] else dataset["table_name"] for dataset in shown
        }
        assert {f"ref('{table}')" for table in tables} <= set(exposure["depends_on"])
