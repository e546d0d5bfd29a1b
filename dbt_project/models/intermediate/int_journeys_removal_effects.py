"""What is lost when a channel, or a partner, is taken out of all journeys: solved in numbers, from counts."""

import pyarrow as pa

from partner_warehouse.warehouse.attribution import OTHER_CHAINS, removal_effect_table


def model(dbt, session):  # type: ignore[no-untyped-def]
    """Rows as `int_journeys_removal_effects.yml` describes them."""
    dbt.config(materialized="table")
    known = dbt.ref("int_journeys_channel_effects").to_arrow_table()
    others = removal_effect_table(
        dbt.ref("int_journeys_transitions").to_arrow_table(),
        dbt.ref("int_journeys_units").to_arrow_table(),
        OTHER_CHAINS,
    )
    return pa.concat_tables([known.cast(others.schema), others])
