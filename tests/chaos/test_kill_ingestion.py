"""A company with every defect, ingested and built by processes that are killed, ends in the marts of one that is not.

The few kills of every test run; `test_kill_often.py` and `test_kill_build.py` are the many, of the slow leg.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from killing import INGESTION, PAYOUTS, assert_same, drafted, landed, published, world

pytestmark = pytest.mark.server

DRAFT = PAYOUTS[0]
STEPS = ("prepare", "build staging", "gate staging", "build marts", "gate marts", "publish", DRAFT)
KILLS = (
    {(0, step): 2 for step in INGESTION}
    | {(1, step): 1 for step in INGESTION}
    | {(2, "prepare"): 1, (2, "build staging"): 1, (2, "build marts"): 1, (2, "publish"): 1, (2, DRAFT): 1}
)
"""Twenty."""


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    with world(tmp_path, scale=0.02) as there:
        whole = there.unkilled(STEPS)
        killed = there.killed("killed", KILLS, STEPS, seed=1)
    assert len(killed.killed) == 20
    assert_same(landed(killed), landed(whole), killed.killed)
    assert_same(published(killed), published(whole), killed.killed)
    assert_same(drafted(killed), drafted(whole), killed.killed)
    assert len(drafted(whole)["draft_lines"]) > 10


WRITER = """
import sys
from pathlib import Path
from killer import Killer

home = Path(sys.argv[1])
Killer(str(home), int(sys.argv[2])).install()
for name in "abc":
    (home / "new").write_text(name)
    (home / "new").rename(home / name)
"""


@pytest.mark.parametrize(("at", "there"), [(1, set()), (2, {"new"}), (4, {"a", "new"}), (6, {"a", "b", "new"})])
def test_a_process_dies_just_before_the_moment_that_was_chosen(tmp_path: Path, at: int, there: set[str]) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(at)]
    code = subprocess.run(command, cwd=Path(__file__).parent, start_new_session=True, check=False).returncode
    assert code == -signal.SIGKILL
    assert {path.name for path in tmp_path.iterdir()} == there
