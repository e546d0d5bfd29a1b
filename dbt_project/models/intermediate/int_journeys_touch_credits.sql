{{ config(materialized='view') }}

{%- set models = attribution_models().split() %}

with

wide as (

    select * from {{ ref('int_journeys_credits') }}

),

final as (
    {% for model in models %}
        select
            '{{ model }}' as model,
            lookback_id,
            conversion_key,
            touch_key,
            position,
            {{ model }}_credit as credit_parts,
            {{ model }}_mills as amount_mills
        from wide
        where {{ model }}_credit > 0
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from final
