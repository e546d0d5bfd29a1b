{#
    The valid version of each record: the newest by `version`, else the newest load, else the later row of one load.
    A record whose valid version is `deleted` is gone. Nothing landed after the run's `known_at` is seen.
#}
{% macro latest_by_key(relation, key, version='updated_at', deleted='is_deleted') -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {{ key }}
                order by {% if version %}{{ version }} desc nulls last, {% endif %}_loaded_at desc, _load_id desc, _row desc
            ) as _rank
        from {{ relation }}
        where _loaded_at <= (select known_at from {{ ref('stg_run__parameters') }})
    ) as versions
    where _rank = 1{% if deleted %} and not coalesce({{ deleted }}, false){% endif %}
{%- endmacro %}

{#
    The newest load alone, of what a source tells whole each time: what it names no more is no more. Nothing landed after
    the run's `known_at` is seen.
#}
{% macro newest_load(relation) -%}
    select *
    from (
        select
            *,
            dense_rank() over (order by _loaded_at desc, _load_id desc) as _age
        from {{ relation }}
        where _loaded_at <= (select known_at from {{ ref('stg_run__parameters') }})
    ) as loads
    where _age = 1
{%- endmacro %}

{#
    Every version of money records, told apart: `_standing` is 'valid' for the one that counts, 'conflict' for one that
    claims another amount without being newer, else 'superseded'. `amounts` are the columns that must not change.

    The newest `updated_at` wins. Among deliveries that are equally new the first one's amounts stay, and the newest
    delivery with those amounts is the valid version; a delivery with other amounts is in conflict. So is one without
    `updated_at` that comes after one with it. A deletion needs no amount to agree with, and a record that comes again
    after it is there again.
#}
{% macro standing_by_key(relation, key, amounts) -%}
    select
        *,
        case
            when _agrees and _newest_agreeing = 1 then 'valid'
            when
                not _agrees
                and (
                    {{ same('updated_at', '_newest_updated_at') }}
                    or (updated_at is null and _arrival > _first_arrival)
                )
                then 'conflict'
            else 'superseded'
        end as _standing
    from (
        select
            *,
            row_number() over (partition by {{ key }}, _agrees order by _arrival desc) as _newest_agreeing
        from (
            select
                *,
                {{ same('updated_at', '_newest_updated_at') }}
                and (coalesce(is_deleted, false) or {% for amount in amounts -%}
                    {{ same(amount, '_first_' ~ amount) }}
                    {%- if not loop.last %} and {% endif -%}
                {%- endfor %}) as _agrees
            from (
                select
                    *,
                    {%- for amount in amounts %}
                    first_value({{ amount }}) over first_of_newest as _first_{{ amount }},
                    {%- endfor %}
                    first_value(_arrival) over first_of_newest as _first_arrival,
                    first_value(_file) over first_of_newest as _first_file
                from (
                    select
                        *,
                        max(updated_at) over (partition by {{ key }}) as _newest_updated_at,
                        row_number() over (partition by {{ key }} order by _loaded_at, _load_id, _row) as _arrival
                    from {{ relation }}
                    where
                        _loaded_at <= (select known_at from {{ ref('stg_run__parameters') }})
                        and {{ key }} in ({{ repeated_keys(relation, key) }})
                ) as arrivals
                window first_of_newest as (
                    partition by {{ key }}
                    order by
                        case when {{ same('updated_at', '_newest_updated_at') }} then 0 else 1 end,
                        coalesce(is_deleted, false),
                        _arrival
                    rows between unbounded preceding and unbounded following
                )
            ) as firsts
        ) as agreements
    ) as ranked
    union all
    -- Most records came once: ordering their versions would take most of the time of a large load.
    select
        *,
        updated_at as _newest_updated_at,
        1 as _arrival,
        {%- for amount in amounts %}
        {{ amount }} as _first_{{ amount }},
        {%- endfor %}
        1 as _first_arrival,
        _file as _first_file,
        true as _agrees,
        1 as _newest_agreeing,
        'valid' as _standing
    from {{ relation }}
    where
        _loaded_at <= (select known_at from {{ ref('stg_run__parameters') }})
        and {{ key }} not in ({{ repeated_keys(relation, key) }})
{%- endmacro %}

{# The keys that came more than once. A key is required where it lands: none is null. #}
{% macro repeated_keys(relation, key) -%}
    select {{ key }}
    from {{ relation }}
    where {{ key }} is not null and _loaded_at <= (select known_at from {{ ref('stg_run__parameters') }})
    group by {{ key }}
    having count(*) > 1
{%- endmacro %}

{#
    One record for each key of a union over sources: the file drop's before any system's. `relation` has `source` and the
    provenance columns.
#}
{% macro first_source(relation, key) -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {{ key }}
                order by
                    case source when 'files' then 1 when 'salesforce' then 2 when 'hubspot' then 3 else 4 end,
                    _load_id,
                    _row
            ) as _precedence
        from {{ relation }}
    ) as preferred
    where _precedence = 1
{%- endmacro %}
