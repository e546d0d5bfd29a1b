"""From landing to publication: each layer is built, then held against its gate; a failed gate stops the way.

Runs when every source has come round, and every morning in any case: time alone moves what is payable. One task at a
time holds the warehouse file (the pool `warehouse`). The last good publication stands until the last gate is passed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain, task

from partner_warehouse.instants import given_instant
from partner_warehouse.orchestration import ALL_LANDED, BUILD_RETRIES, PUBLICATION, WAREHOUSE_POOL, serve
from partner_warehouse.settings import load_settings

with DAG(
    "build_warehouse",
    description="Build, gate and publish the marts",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 5 * * *", timezone=load_settings().timezone, run_immediately=timedelta(0)),
        assets=ALL_LANDED,
    ),
    catchup=False,
    max_active_runs=1,
    default_args=BUILD_RETRIES | {"pool": WAREHOUSE_POOL},
    params={
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="The instant to compute for, with an offset; default: the setting, else now",
        )
    },
    tags=["warehouse"],
    doc_md=__doc__,
):

    @task
    def prepare(params: dict[str, Any]) -> str:
        """Fix the instant computed for, and bring the ledger's postings to where dbt reads them."""
        from partner_warehouse import pipeline

        as_of = given_instant("as_of", params["as_of"]) if params["as_of"] else None
        return pipeline.prepare(load_settings(), as_of=as_of).isoformat()

    @task
    def gate(stage: Any) -> dict[str, int]:
        """Hold a stage's tables against its expectations."""
        from partner_warehouse.quality.gates import check

        return {"expectations": len(check(stage, load_settings()).results)}

    @task
    def build(layer: Any) -> dict[str, Any]:
        """Run dbt over a layer: seeds, models, tests."""
        from partner_warehouse.warehouse import runner

        result = runner.build(layer, load_settings())
        return {"nodes": len(result.nodes), "seconds": round(result.seconds, 1)}

    @task(outlets=[PUBLICATION])
    def publish() -> str:
        """Make the candidate, gate it, swap it in."""
        from partner_warehouse.publish import snapshot

        return str(snapshot.publish(load_settings()))

    chain(
        prepare(),
        gate.override(task_id="gate_landing")("landing"),
        build.override(task_id="build_staging")("staging"),
        gate.override(task_id="gate_staging")("staging"),
        build.override(task_id="build_marts")("marts"),
        gate.override(task_id="gate_marts")("marts"),
        publish(),
        *serve(load_settings()),
    )
