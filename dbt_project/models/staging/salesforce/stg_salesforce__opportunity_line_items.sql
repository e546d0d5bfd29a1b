with

landed as (

    select * from {{ source('salesforce', 'OpportunityLineItem') }}

),

typed as (

    select
        {{ text('Id') }} as opportunity_line_item_id,
        {{ text('OpportunityId') }} as opportunity_id,
        {{ text('Product2Id') }} as product_id,
        cast(Quantity as {{ exact() }}) as quantity,
        {{ landed_money('UnitPrice') }} as unit_price,
        {{ landed_money('TotalPrice') }} as total_price,
        {{ code('CurrencyIsoCode') }} as currency,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'opportunity_line_item_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        opportunity_line_item_id,
        opportunity_id,
        product_id,
        quantity,
        unit_price,
        total_price,
        currency,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
