"""The installed command: what starts processes of its own must not start the command once more in each of them."""

from __future__ import annotations

import runpy
import sysconfig
from pathlib import Path

import pytest


def test_the_command_does_nothing_where_it_is_only_imported(capsys: pytest.CaptureFixture[str]) -> None:
    """A process that is spawned imports the file it was started from, under another name than `__main__`."""
    command = Path(sysconfig.get_path("scripts")) / "partner-warehouse"
    runpy.run_path(str(command), run_name="__mp_main__")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        runpy.run_path(str(command), run_name="__main__")
