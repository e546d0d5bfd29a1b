"""How much goes wrong on purpose: the defects of the data, and the faults of the servers.

`clean` has none, `default` a modest sample of each kind, `chaos` much of everything. All of it is seeded and bounded:
a client that retries and refreshes its token always gets everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from partner_warehouse.errors import BadInputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Faults:
    """What the servers answer instead of data.

    Attributes:
        scripted: Ordinal of a request to a source → the fault that it meets.
        rate: The share of all further requests that meet a fault drawn by the seed.
        per_request: How often one and the same request may fail before it succeeds.
        retry_after: Seconds that a 429 asks to wait.
        first_token_calls: How many calls the first Salesforce token lasts.
        token_calls: How many calls each later one lasts.
    """

    scripted: dict[int, str] = field(default_factory=dict)
    rate: float = 0.0
    per_request: int = 1
    retry_after: int = 1
    first_token_calls: int = 1_000_000
    token_calls: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Defects:
    """How much of the data is defective.

    Attributes:
        late_commits: Share of Salesforce and HubSpot versions that become visible minutes after their stamp.
        wrong_types: Share of candidate records with a value that is not of its type (never where money depends on it).
        merge_every: Every n-th account or company was entered twice and merged; 0 for none.
        delete_every: Every n-th candidate was deleted or archived; 0 for none.
        unlinked: Share of records without the id that links them to another system (they match by domain or e-mail).
        duplicate_events: Share of events delivered again, at once or days later.
        late_events: Share of events received days after they happened.
        broken_events: Number of events that cannot be typed.
        repeated_rows: Whether a page of a HubSpot list may repeat the last record of the page before.
        fx_gap: Whether the rate of a currency is missing for longer than a weekend.
    """

    late_commits: float = 0.0
    wrong_types: float = 0.0
    merge_every: int = 0
    delete_every: int = 0
    unlinked: float = 0.0
    duplicate_events: float = 0.0
    late_events: float = 0.0
    broken_events: int = 0
    repeated_rows: bool = False
    fx_gap: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A named mixture."""

    name: str
    defects: Defects
    faults: Faults


PROFILES = {
    "clean": Profile("clean", Defects(), Faults()),
    "default": Profile(
        "default",
        Defects(
            late_commits=0.01,
            wrong_types=0.03,
            merge_every=40,
            delete_every=150,
            unlinked=0.05,
            duplicate_events=0.005,
            late_events=0.01,
            broken_events=4,
            repeated_rows=True,
            fx_gap=True,
        ),
        Faults(scripted={3: "429", 7: "500", 11: "429-bare"}, first_token_calls=2, token_calls=60),
    ),
    "chaos": Profile(
        "chaos",
        Defects(
            late_commits=0.10,
            wrong_types=0.20,
            merge_every=8,
            delete_every=50,
            unlinked=0.20,
            duplicate_events=0.05,
            late_events=0.08,
            broken_events=60,
            repeated_rows=True,
            fx_gap=True,
        ),
        Faults(
            scripted={2: "429", 4: "500", 6: "429-bare", 9: "503"},
            rate=0.06,
            per_request=2,
            first_token_calls=2,
            token_calls=7,
        ),
    ),
}


def every(candidates: Sequence[T], first: int, step: int) -> Sequence[T]:
    """Every `step`-th candidate from the `first` on; none where the step is 0."""
    return candidates[first::step] if step else candidates[:0]


def profile(name: str) -> Profile:
    """The profile of a name.

    Raises:
        BadInputError: There is no such profile.
    """
    if name not in PROFILES:
        raise BadInputError(f"no defect profile {name!r}: use one of {', '.join(PROFILES)}")
    return PROFILES[name]
