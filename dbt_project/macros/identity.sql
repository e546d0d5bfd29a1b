{# An e-mail address, lower case; null where it is none. #}
{% macro email_address(column) -%}
    case when position('@' in {{ column }}) > 1 then lower(trim({{ column }})) end
{%- endmacro %}

{# The domain of an e-mail address in lower case. #}
{% macro email_domain(email) -%} nullif(regexp_replace({{ email }}, '^.*@', ''), '') {%- endmacro %}

{# The domain of a website's address, without scheme, `www.` and path. #}
{% macro website_domain(website) -%}
    nullif(
        regexp_replace(regexp_replace(lower(trim({{ website }})), '^([a-z]+://)?(www[.])?', ''), '[/:?#].*$', ''), ''
    )
{%- endmacro %}

{#
    Follow merges to the record that is left: a loser's master can itself have been merged away, over a chain of any length.
    Losers that lead round in a circle have no such record and no row. A record that names itself was merged into nothing;
    of a loser that several records name, the first one is followed, and where they were merged in turn all lead to one.
    `merges` has object, loser_id and master_id. Yields loser_id and master_id, one row for each loser.
#}
{% macro final_masters(merges, object_name) -%}
    with recursive

    links as (

        select
            loser_id,
            min(master_id) as master_id
        from {{ merges }}
        where
            object = '{{ object_name }}'
            and loser_id <> master_id
        group by loser_id

    ),

    -- Not `union`, by which a circle would end by itself: some engines repeat by `union all` alone.
    steps as (

        select
            loser_id,
            master_id,
            ';' || loser_id || ';' as passed
        from links
        union all
        select
            steps.loser_id,
            links.master_id,
            steps.passed || links.loser_id || ';' as passed
        from steps
        inner join links on steps.master_id = links.loser_id
        where position(';' || links.loser_id || ';' in steps.passed) = 0

    )

    select
        steps.loser_id,
        steps.master_id
    from steps
    left join links on steps.master_id = links.loser_id
    where links.loser_id is null
{%- endmacro %}
