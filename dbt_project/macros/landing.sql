{#
    The valid version of each record: the newest `updated_at`, else the newest load, else the later row of one load.
    A record whose valid version says `is_deleted` is gone. Nothing landed after the run's `known_at` is seen.
#}
{% macro latest_by_key(relation, key) -%}
    select * exclude (_rank)
    from (
        select
            *,
            row_number() over (
                partition by {{ key }}
                order by updated_at desc nulls last, _loaded_at desc, _row desc
            ) as _rank
        from {{ relation }}
        where _loaded_at <= (select known_at from {{ ref('stg_run__parameters') }})
    )
    where _rank = 1 and not coalesce(is_deleted, false)
{%- endmacro %}
