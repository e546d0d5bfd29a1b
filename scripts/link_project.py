"""Make the checkout importable in the active environment and install its command.

An editable install would start a build in an isolated environment, which needs the registry; a path entry and a
two-line launcher do the same offline.
"""

import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = """#!{python}
import sys

from partner_warehouse.cli import main

# What starts processes of its own imports this file in each of them.
if __name__ == "__main__":
    sys.exit(main())
"""


def link() -> None:
    """Write the path entry and the launcher `partner-warehouse` into the running environment."""
    site = Path(sysconfig.get_path("purelib"))
    (site / "partner_warehouse.pth").write_text(f"{ROOT / 'include'}\n", encoding="utf-8")
    command = Path(sysconfig.get_path("scripts")) / "partner-warehouse"
    command.write_text(LAUNCHER.format(python=sys.executable), encoding="utf-8")
    command.chmod(0o755)


if __name__ == "__main__":
    link()
