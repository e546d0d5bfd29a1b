"""How far a removal effect might have been another with other accounts of the kind: solved in numbers, from counts."""

from partner_warehouse.warehouse.attribution_intervals import interval_table


def model(dbt, session):  # type: ignore[no-untyped-def]
    """Rows as `int_journeys_removal_intervals.yml` describes them."""
    dbt.config(materialized="table")
    settings = dict(dbt.ref("attribution_settings").fetchall())
    return interval_table(
        dbt.ref("int_journeys_group_transitions").to_arrow_table(),
        dbt.ref("int_journeys_units").to_arrow_table(),
        groups=settings["interval_groups"],
        replicates=settings["interval_replicates"],
        orders=settings["interval_orders"],
        percent=settings["interval_percent"],
        most_states=settings["interval_states"],
    )
