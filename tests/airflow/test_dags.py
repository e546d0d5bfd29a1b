"""The DAG files: they import quickly, stay small, and are wired as the way of the data says."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import AssetAll

from partner_warehouse.orchestration import LANDED, WAREHOUSE_POOL, PayoutApproval, StepRetryPolicy
from partner_warehouse.settings import ROOT

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
INGEST = {
    "ingest_crm": {"salesforce", "hubspot"},
    "ingest_billing": {"stripe"},
    "ingest_events": {"events"},
    "ingest_files": {"files"},
}
HEAVY = ("duckdb", "pandas", "pyarrow", "great_expectations", "dbt")


@cache
def bag() -> DagBag:
    return DagBag(ROOT / "dags")


def dag(dag_id: str) -> Any:
    return bag().dags[dag_id]


def test_every_dag_file_imports_into_one_dag_of_its_name() -> None:
    assert bag().import_errors == {}
    assert (
        set(bag().dags)
        == {path.stem for path in DAG_FILES}
        == {
            *INGEST,
            "build_warehouse",
            "monthly_payouts",
            "publish_reports",
        }
    )


def test_every_dag_file_imports_in_under_a_second() -> None:
    slow = {stat.file: stat.duration for stat in bag().dagbag_stats if stat.duration > timedelta(seconds=1)}
    assert slow == {}


def test_no_dag_file_imports_a_heavy_library() -> None:
    """In a process of its own: in this one, other tests have imported them."""
    program = (
        "import sys; from airflow.dag_processing.dagbag import DagBag; DagBag(sys.argv[1]); "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "dags")], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1].strip() == ""


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_reads_in_about_a_screen_and_is_not_mistaken_for_a_dbt_project(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120
    assert not path.name.startswith("dbt_")


@pytest.mark.parametrize(("dag_id", "sources"), INGEST.items())
def test_ingestion_maps_over_objects_retries_and_tells_what_was_landed(dag_id: str, sources: set[str]) -> None:
    tasks = {task.task_id: task for task in dag(dag_id).tasks}
    assert {task_id.split(".")[0] for task_id in tasks} == sources
    assert dag(dag_id).max_active_runs == 1
    assert dag(dag_id).catchup is False
    for source in sources:
        ingest = tasks[f"{source}.ingest"]
        assert ingest.is_mapped
        assert ingest.retries >= 3
        assert isinstance(ingest.retry_policy, StepRetryPolicy)
        assert tasks[f"{source}.landed"].outlets == [LANDED[source]]  # type: ignore[index]
        assert tasks[f"{source}.landed"].upstream_task_ids == {f"{source}.ingest"}


def test_the_build_waits_for_every_source_and_has_a_time_table_to_fall_back_on() -> None:
    timetable = dag("build_warehouse").timetable
    assert isinstance(timetable.asset_condition, AssetAll)
    assert set(timetable.asset_condition.objects) == set(LANDED.values())
    assert timetable.timetable.expression == "0 5 * * *"


def test_each_layer_is_gated_before_the_next_one_and_publication_comes_last() -> None:
    build = dag("build_warehouse")
    order = ["prepare", "gate_landing", "build_staging", "gate_staging", "build_marts", "gate_marts", "publish"]
    assert [task.task_id for task in build.topological_sort()] == order
    for task, following in pairwise(order):
        assert build.task_dict[task].downstream_task_ids == {following}
    assert {task.trigger_rule for task in build.tasks} == {"all_success"}


def test_whatever_holds_the_warehouse_file_is_in_its_pool() -> None:
    assert {task.pool for task in dag("build_warehouse").tasks} == {WAREHOUSE_POOL}
    assert dag("build_warehouse").max_active_runs == 1
    assert dag("monthly_payouts").task_dict["refresh"].pool == WAREHOUSE_POOL


def test_a_payout_is_gated_then_asked_for_then_posted_then_exported() -> None:
    payouts = dag("monthly_payouts")
    order = ["draft", "gate", "submit", "approve", "post"]
    for task, following in pairwise(order):
        assert following in payouts.task_dict[task].downstream_task_ids
    assert payouts.task_dict["approve"].downstream_task_ids == {"post"}
    assert payouts.task_dict["post"].downstream_task_ids == {"export", "reject"}
    assert payouts.task_dict["export"].downstream_task_ids == {"statements", "refresh"}
    # What was posted is published even where its export failed.
    assert payouts.task_dict["refresh"].trigger_rule == "none_skipped"


def test_what_waits_for_an_approval_is_reminded_of_after_three_days() -> None:
    (alert,) = dag("monthly_payouts").deadline
    assert alert.interval == timedelta(hours=72)
    assert alert.callback.path == "partner_warehouse.notifications.remind"


def test_an_approval_has_no_default_so_that_silence_never_approves() -> None:
    approve = dag("monthly_payouts").task_dict["approve"]
    assert isinstance(approve, PayoutApproval)
    assert approve.defaults is None
    assert approve.response_timeout == timedelta(days=14)
    assert approve.retries == 0


def test_the_approvers_and_the_time_zone_of_the_settings_are_in_the_dag() -> None:
    program = (
        "import sys; from airflow.dag_processing.dagbag import DagBag; "
        "dag = DagBag(sys.argv[1]).dags['monthly_payouts']; "
        "print([user['id'] for user in dag.task_dict['approve'].assigned_users], dag.timetable.timezone)"
    )
    settings = {"PARTNER_WAREHOUSE_APPROVERS": "fiona, omar", "PARTNER_WAREHOUSE_TIMEZONE": "America/New_York"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "dags" / "monthly_payouts.py")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=dict(os.environ) | settings,
    )
    assert done.stdout.splitlines()[-1].startswith("['fiona', 'omar']")
    assert "America/New_York" in done.stdout.splitlines()[-1]


def test_a_server_for_bi_is_loaded_after_each_publication_and_outside_of_the_warehouses_pool(tmp_path) -> None:
    """Without one, no DAG has the task: see above."""
    script = (
        "from airflow.dag_processing.dagbag import DagBag\n"
        f"dags = DagBag({str(ROOT / 'dags')!r}).dags\n"
        "for name, before in (('build_warehouse', 'publish'), ('monthly_payouts', 'refresh')):\n"
        "    serve = dags[name].task_dict['serve']\n"
        "    assert serve.upstream_task_ids == {before} and serve.pool == 'default_pool', name\n"
    )
    given = {"PARTNER_WAREHOUSE_SERVING_URL": "postgresql://nobody@127.0.0.1/marts", "AIRFLOW_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=os.environ | given, check=True)
