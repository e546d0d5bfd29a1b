"""dbt as this project runs it, in a process of its own that starts in the home: see `runner`."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from pathlib import Path

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from dbt.constants import PARTIAL_PARSE_FILE_NAME
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import write_manifest
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager

from partner_warehouse.settings import DBT_DIR, DBT_PROJECT

RESULTS = "run_results.json"
PARSED = Path(sys.prefix, "share", "partner_warehouse", DBT_DIR, PARTIAL_PARSE_FILE_NAME)
"""The parse that `make setup` leaves: it fits every home, and to parse the whole project takes seconds."""


class _Events(EventManager):
    """dbt's events without what only somebody who mends dbt reads.

    dbt writes twenty lines of debugging per node, then asks whether anybody keeps them: an eighth of its own CPU time.
    """

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: object = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        if (level or e.level_tag()) is not EventLevel.DEBUG:
            super().fire_event(e, level, node, force_warn_or_error_handling)


def main() -> int:
    """Run one command of dbt without Python's search for unreachable cycles, and without describing the project twice.

    What dbt imports and parses is there until the process ends. Looking through it again and again took a tenth of the
    CPU time of dbt itself (2.3 of 26 s for 289 nodes); without it the process has 460 MB at most instead of 350. Python
    looks once more when it ends, also where that was disabled: for a second, unless nothing is left to look at.

    dbt writes all that it knows of the project before and after each command: a second of each, which most commands do
    not need. Here the results are written always, its manifest and that of the metrics where they are asked for.

    NumPy's linear algebra has one thread: DuckDB has the cores, and a second thread waits for the first by counting.

    Returns:
        0 where all went well, 1 where something of the project failed, 2 where dbt could not start.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()
    try:
        return _run(*sys.argv[1:])
    finally:
        gc.freeze()


def _run(threads: str, *command: str) -> int:
    """Run a command, with how many models to build at a time before it, and `--manifest` where that is asked for."""
    is_described = command[0] == "--manifest"
    target = Path.cwd() / DBT_DIR
    everywhere = [
        *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
        *("--target-path", str(target), "--log-path", str(target / "logs")),
        *("--quiet", "--log-level-file", "info", "--no-write-json", "--threads", threads),
    ]
    ctx_set_event_manager(_Events())
    _begin_with_known_parse(target)
    parsed = dbtRunner().invoke(["parse", *everywhere])
    if not isinstance(parsed.result, Manifest):
        return _could_not_start(parsed.exception)
    if command == ("parse",):
        return 0
    done = dbtRunner(manifest=parsed.result).invoke([*command[is_described:], *everywhere])
    if not isinstance(done.result, RunExecutionResult):
        return _could_not_start(done.exception)
    if is_described:
        write_manifest(parsed.result, str(target))
    # Last: whoever finds the results finds the manifest.
    done.result.write(str(target / RESULTS))
    return 0 if done.success else 1


def _begin_with_known_parse(target: Path) -> None:
    """Give a new home what the installation knows of the project; dbt parses what has changed since, as always."""
    own = target / PARTIAL_PARSE_FILE_NAME
    if own.exists() or not PARSED.exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    unfinished = own.with_suffix(".tmp")
    shutil.copyfile(PARSED, unfinished)
    unfinished.replace(own)


def _could_not_start(fault: BaseException | None) -> int:
    print(fault or "dbt gave no reason", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
