"""The slow leg: ingestion killed again and again, two installations at sixty points each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from killing import INGESTION, PAYOUTS, Home, World, assert_same, drafted, landed, published, world

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(1800)]

STEPS = ("prepare", "build staging", "build marts", "publish", PAYOUTS[0])
KILLS = {(number, step): 6 for number in (0, 1) for step in INGESTION}


@dataclass(frozen=True, slots=True)
class There:
    """The servers, and the installation that nothing is killed of."""

    world: World
    whole: Home


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    with world(tmp_path_factory.mktemp("chaos"), scale=0.05) as made:
        yield There(made, made.unkilled(STEPS))


@pytest.mark.parametrize("seed", [1, 2])
def test_sixty_kills_of_ingestion_change_nothing(there: There, seed: int) -> None:
    killed = there.world.killed(f"killed-{seed}", KILLS, STEPS, seed)
    assert len(killed.killed) == 60
    assert_same(landed(killed), landed(there.whole), killed.killed)
    assert_same(published(killed), published(there.whole), killed.killed)
    assert_same(drafted(killed), drafted(there.whole), killed.killed)
