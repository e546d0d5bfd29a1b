"""One action on the ledger in a process of its own, which may not survive it.

The processes are forked from a server that has imported everything, so that a kill costs a tenth of a second.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
from typing import Any

import sqlalchemy

from partner_warehouse.errors import NotAllowedError, PartnerWarehouseError
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.settings import Settings

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "partner_warehouse.exports.export"])
_FILES = frozenset({"os.rename", "os.remove", "os.mkdir", "shutil.rmtree"})
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_FAULT = 7


def act(installation: Settings, action: str, period: str, user: str, moment: int) -> bool:
    """Do it, and die just before a moment: a statement or a commit of the ledger, or a change of a file below the home.

    Args:
        installation: Whose ledger.
        action: A method of the service.
        period: `YYYY-MM`.
        user: Who.
        moment: Which one, from 1; 0 for none. It survives where there are fewer.

    Returns:
        Whether it survived.
    """
    process = _CONTEXT.Process(target=_act, args=(installation, action, period, user, moment))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}, (action, period, process.exitcode)
    return process.exitcode == 0


def _act(installation: Settings, action: str, period: str, user: str, moment: int) -> None:
    numbers = itertools.count(1)
    home = str(installation.home)

    def count(*_: Any) -> None:
        if next(numbers) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def changed(event: str, args: tuple[Any, ...]) -> None:
        written = event in _FILES or (event == "open" and bool(args[2] & _WRITES))
        if written and isinstance(args[0], str | os.PathLike) and os.fspath(args[0]).startswith(home):
            count()

    sys.addaudithook(changed)
    for name in ("before_cursor_execute", "commit"):
        sqlalchemy.event.listen(sqlalchemy.Engine, name, count)
    try:
        getattr(PayoutService(installation), action)(period, user)
    except NotAllowedError:
        pass
    except PartnerWarehouseError:
        os._exit(_FAULT)
