"""Whether Great Expectations still needs our mend for DuckDB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

UNMENDED = """
import sys
import great_expectations as gx
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
source = context.data_sources.add_sql("subject", connection_string="duckdb:///" + sys.argv[1], create_temp_table=False)
batch = source.add_table_asset("t", table_name="t", schema_name="main").add_batch_definition_whole_table("all")
suite = gx.ExpectationSuite(name="t", expectations=[])
suite.add_expectation_configuration(
    ExpectationConfiguration(type="expect_column_values_to_match_regex", kwargs={"column": "name", "regex": "^a"})
)
result = batch.get_batch().validate(suite)
sys.exit(0 if result.success else 9)
"""


def test_the_mend_is_still_needed(tmp_path: Path) -> None:
    """Fails on the day when a release reads DuckDB by itself: remove `gx_duckdb` then."""
    database = tmp_path / "t.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'a' || range AS name FROM range(10)")
    done = subprocess.run(
        [sys.executable, "-c", UNMENDED, str(database)],
        capture_output=True,
        text=True,
        check=False,
        env={"GX_ANALYTICS_ENABLED": "false", "PATH": "", "HOME": str(tmp_path)},
    )
    assert done.returncode != 0
