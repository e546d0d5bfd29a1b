"""The attribution libraries that others use, on the same touches: a script for an environment of their own.

    python bench_attribution_peers.py LIBRARY DIRECTORY

It imports nothing of this package, for theirs are not its dependencies. It prints its seconds, with the loading and the
imports, and its peak memory in MiB, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

_JOURNEYS = """
    SELECT
        string_agg(channel, ' > ' ORDER BY touch_key) AS path,
        conversion_key IS NOT NULL AS is_converted,
        coalesce(CAST(any_value(amount) AS DOUBLE), 0) AS value
    FROM read_parquet('{0}/touches.parquet') AS touches
    LEFT JOIN read_parquet('{0}/conversions.parquet') AS conversions
        ON touches.account_id = conversions.account_id AND touches.occurred_at <= conversions.converted_at
    GROUP BY touches.account_id, conversion_key
"""

_PATHS = """
    SELECT
        path,
        count(*) FILTER (WHERE is_converted) AS conversions,
        sum(value) AS value,
        count(*) FILTER (WHERE NOT is_converted) AS nulls
    FROM ({0})
    GROUP BY path
"""


def channel_attribution(directory: str) -> None:
    """First touch, last touch, linear, and the chains of order 1, 2 and 3 (simulated), by channel."""
    import duckdb
    from ChannelAttribution import heuristic_models, markov_model  # type: ignore[import-not-found]

    paths = duckdb.sql(_PATHS.format(_JOURNEYS.format(directory))).df()
    names = {"var_path": "path", "var_conv": "conversions", "var_value": "value"}
    heuristic_models(paths, **names, flg_adv=False)
    for order in (1, 2, 3):
        markov_model(paths, **names, var_null="nulls", order=order, ncore=2, verbose=False, flg_adv=False)


def marketing_attribution_models(directory: str) -> None:
    """What it can do of our set: six rules by journey and channel, the chain of order 1, Shapley of four channels."""
    import warnings

    warnings.simplefilter("ignore")
    import duckdb
    from marketing_attribution_models import MAM  # type: ignore[import-not-found]

    models = MAM(
        duckdb.sql(_JOURNEYS.format(directory)).df(),
        channels_colname="path",
        journey_with_conv_colname="is_converted",
        conversion_value="value",
        path_separator=" > ",
    )
    models.attribution_first_click()
    models.attribution_last_click()
    models.attribution_last_click_non(but_not_this_channel="direct")
    models.attribution_linear()
    models.attribution_position_based()
    models.attribution_position_decay()
    models.attribution_markov()
    models.attribution_shapley()


LIBRARIES = {
    "ChannelAttribution": channel_attribution,
    "marketing_attribution_models": marketing_attribution_models,
}


def main() -> None:
    """Run one library and say what it cost."""
    started = time.perf_counter()
    LIBRARIES[sys.argv[1]](sys.argv[2])
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
