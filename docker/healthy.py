"""Exit 0 if a health page says that the named part is healthy. Usage: healthy.py URL PART."""

import json
import sys
from urllib.request import urlopen


def healthy(url: str, part: str) -> bool:
    """Ask the page."""
    with urlopen(url, timeout=5) as answer:  # noqa: S310
        return bool(json.load(answer).get(part, {}).get("status") == "healthy")


if __name__ == "__main__":
    sys.exit(0 if healthy(*sys.argv[1:3]) else 1)
