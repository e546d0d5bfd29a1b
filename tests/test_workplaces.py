"""What a command needs only while it runs goes with it, or with the next one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from partner_warehouse.workplaces import workplace

WORKER = """
import sys
from pathlib import Path
from partner_warehouse.workplaces import workplace
with workplace(Path(sys.argv[1])) as work:
    (work / "rows").write_bytes(b"x" * 1000)
    print(work, flush=True)
    sys.stdin.readline()
"""


def _worker(home: Path) -> tuple[subprocess.Popen[str], Path]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    return worker, Path(worker.stdout.readline().strip())


def test_it_is_below_the_home_and_gone_after(tmp_path: Path) -> None:
    with workplace(tmp_path) as work, workplace(tmp_path) as other:
        assert work != other
        assert work.parent == other.parent == tmp_path / "tmp"
        (work / "home").mkdir()
    with pytest.raises(KeyError), workplace(tmp_path):
        raise KeyError
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == [".lock"]


def test_what_a_killed_command_left_is_removed_by_the_next_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    dead, left = _worker(tmp_path)
    with dead:
        dead.kill()
    alive, kept = _worker(tmp_path)
    assert (kept / "rows").exists()
    assert not left.exists()
    (tmp_path / "tmp" / "work-never-owned").mkdir()
    with workplace(tmp_path):
        assert (kept / "rows").exists()
        assert not (tmp_path / "tmp" / "work-never-owned").exists()
    alive.communicate("\n")
    assert not kept.exists()
