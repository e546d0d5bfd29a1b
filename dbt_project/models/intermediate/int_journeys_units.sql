with

touches as (

    select * from {{ ref('int_touches') }}

),

pairs as (

    select distinct
        channel,
        partner_id
    from touches

),

units as (

    select distinct
        'channel' as unit,
        channel as unit_id
    from pairs
    union all
    select distinct
        'partner' as unit,
        coalesce(partner_id, 'no_partner') as unit_id
    from pairs

),

final as (

    select
        unit,
        unit_id,
        cast(row_number() over (partition by unit order by unit_id) as integer) as unit_key
    from units

)

select * from final
