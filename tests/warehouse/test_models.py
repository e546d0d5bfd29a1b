"""The models' logic, and that the project builds before anything has arrived."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from partner_warehouse.settings import Settings, load_settings
from partner_warehouse.warehouse import runner
from partner_warehouse.warehouse.dbt_process import PARSED


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation whose layers were all built over nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PARTNER_WAREHOUSE_")]:
            patch.delenv(name)
        settings = load_settings(home=tmp_path_factory.mktemp("models"))
        runner.prepare(settings)
        for layer in runner.LAYERS:
            runner.build(layer, settings)
    return settings


def test_the_project_builds_over_nothing_and_every_unit_test_holds(built: Settings) -> None:
    """Unit tests read the columns of the models that they feed, so those are built first."""
    result = runner.unit_test(built)
    assert result.nodes
    assert {node.status for node in result.nodes} == {"pass"}


def test_what_is_posted_in_a_copied_home_is_built_from_its_own_landing(built: Settings, home: Path) -> None:
    """Nothing of a warehouse names the home that it was built in."""
    moved = load_settings(home=home / "moved")
    shutil.copytree(built.home, moved.home)
    runner.build("ledger", moved)
    with duckdb.connect(str(moved.warehouse_path), read_only=True, config=moved.search_path) as connection:
        views = [sql for (sql,) in connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()]
        connection.execute("FROM staging.stg_run__parameters")
    assert any("'landing/" in view for view in views)
    assert not [view for view in views if str(built.home) in view or str(moved.home) in view]


def test_a_new_home_begins_with_the_parse_that_setup_left(built: Settings) -> None:
    """dbt writes its parse anew where it had to parse anything."""
    own = built.dbt_dir / PARSED.name
    assert own.read_bytes() == PARSED.read_bytes(), "the project changed since: `make setup` parses it again"
