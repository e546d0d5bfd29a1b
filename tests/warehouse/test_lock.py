"""The warehouse file has one user at a time, and a dead one does not keep it."""

from __future__ import annotations

import subprocess
import sys

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
