"""The warehouse file has one user at a time, and a dead one does not keep it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from partner_warehouse.settings import Settings
from partner_warehouse.warehouse.lock import exclusive

HOLDER = """
import sys, time
from partner_warehouse.settings import load_settings
from partner_warehouse.warehouse.lock import exclusive
with exclusive(load_settings(home=sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""

BUILDER = """
import sys
from partner_warehouse.settings import load_settings
from partner_warehouse.warehouse import runner
sys.executable = sys.argv[2]
runner.build("staging", load_settings(home=sys.argv[1]))
"""


def _other_process(settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_second_user_waits_until_the_first_is_done(settings: Settings) -> None:
    with exclusive(settings):
        waiting = _other_process(settings)
        assert waiting.poll() is None
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "held\n"
    waiting.communicate("\n")


def test_a_killed_user_does_not_keep_it(settings: Settings) -> None:
    with _other_process(settings) as dead:
        assert dead.stdout is not None
        assert dead.stdout.readline() == "held\n"
        dead.kill()
    with exclusive(settings):
        pass


def test_dbt_keeps_it_when_who_started_it_is_killed(settings: Settings, tmp_path: Path) -> None:
    """It has the warehouse file open still: the next one waits, instead of meeting it."""
    begun, stand_in = tmp_path / "begun", tmp_path / "dbt"
    stand_in.write_text(f"#!/bin/sh\ntouch {begun}\nread until_told\n", encoding="utf-8")
    stand_in.chmod(0o755)
    command = [sys.executable, "-c", BUILDER, str(settings.home), str(stand_in)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as builder:
        while not begun.exists():
            assert builder.poll() is None
            time.sleep(0.02)
        builder.kill()
        builder.wait()
        with (settings.warehouse_path.parent / ".lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with exclusive(settings):
        pass
