"""Evaluates the metrics of dbt's semantic layer: MetricFlow writes the SQL, DuckDB runs it over the built warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class _Renderer:
    """What MetricFlow asks of a database before it writes SQL for it."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class SemanticLayer:
    """The metrics that dbt wrote into the semantic manifest of a warehouse.

    Args:
        target: Where dbt wrote its manifest.
        warehouse: The built warehouse.
    """

    def __init__(self, target: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
        written = (target / "semantic_manifest.json").read_text(encoding="utf-8")
        manifest = parse_manifest_from_dbt_generated_manifest(manifest_json_string=written)
        self.manifest = manifest
        self._engine = MetricFlowEngine(SemanticManifestLookup(manifest), _Renderer())  # type: ignore[arg-type]
        self._warehouse = warehouse

    def query(self, **wanted: Any) -> list[tuple[Any, ...]]:
        """The rows of a metric query, its dimensions first."""
        return self._warehouse.execute(self.sql(**wanted)).fetchall()

    def sql(self, **wanted: Any) -> str:
        """A metric query as SQL for DuckDB."""
        return str(self._engine.explain(MetricFlowQueryRequest.create(**wanted)).sql_statement.sql)
