"""Counts what a process does to the outside, and kills it, with its whole group, at a chosen one of these moments.

Of the standard library it imports the least: the interpreter of dbt loads this too, before anything else.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_FILES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "shutil.rmtree"})
_OTHERS = frozenset({"socket.connect", "subprocess.Popen", "sqlite3.connect", "chaos"})


class Killer:
    """An audit hook. A moment is just before a file below a directory is opened for writing, renamed or removed; a
    connection or a process is started; and whatever is told by `sys.audit("chaos", …)`.

    Args:
        home: Files elsewhere do not count: caches and bytecode are not the product's.
        at: The moment that is not survived, from 1; 0 for none; below 0, the rename of that number.
    """

    def __init__(self, home: str, at: int) -> None:
        self._home = home
        self._at = at
        self._numbers = itertools.count(1)
        self.seen = 0
        self.turns: list[int] = []

    def report(self) -> str:
        """How many moments there were, then which of them were renames: what was prepared becomes true there."""
        return " ".join(map(str, [self.seen, *self.turns]))

    def install(self) -> None:
        """From now on, for the rest of the process's life: an audit hook cannot be taken away."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in _OTHERS and not self._is_ours(event, args):
            return
        # Drawn from an iterator, because threads meet here and a lock could be held by the thread that is interrupted.
        self.seen = number = next(self._numbers)
        if event == "os.rename":
            self.turns.append(number)
        if number == self._at or (event == "os.rename" and -len(self.turns) == self._at):
            os.killpg(0, signal.SIGKILL)

    def _is_ours(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _, flags = args
            return isinstance(path, str | bytes | os.PathLike) and bool(flags & _WRITES) and self._is_below(path)
        return event in _FILES and isinstance(args[0], str | bytes | os.PathLike) and self._is_below(args[0])

    def _is_below(self, path: str | bytes | os.PathLike[str]) -> bool:
        return os.fsdecode(path).startswith(self._home)
