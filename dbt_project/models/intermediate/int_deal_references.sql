with

deals as (

    select * from {{ ref('int_deals') }}

),

deal_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'hubspot' and object = 'deal'

),

merged as (

    select
        deal_masters.loser_id,
        deals.deal_id
    from deal_masters
    inner join deals on deal_masters.master_id = deals.source_id

),

-- A deal is named by its own id or by the one that the CRM gave it; where another deal has that id as its own, it is
-- that one.
names as (

    select
        deal_id as reference,
        deal_id,
        1 as precedence
    from deals
    union all
    select
        source_id as reference,
        deal_id,
        2 as precedence
    from deals
    union all
    select
        loser_id as reference,
        deal_id,
        3 as precedence
    from merged
    union all
    select
        'hs_' || loser_id as reference,
        deal_id,
        3 as precedence
    from merged

),

final as (

    select
        reference,
        {{ first_known('deal_id', 'precedence') }} as deal_id
    from names
    group by reference

)

select * from final
