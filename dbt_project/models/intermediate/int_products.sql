with

product_ids as (

    select * from {{ ref('int_product_ids') }}

),

records as (

    select
        'files' as source,
        product_id as source_id,
        name,
        family,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__products') }}
    union all
    select
        'salesforce' as source,
        product_id as source_id,
        name,
        family,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__products') }}
    union all
    select
        'stripe' as source,
        product_id as source_id,
        name,
        null as family,
        _load_id,
        _file,
        _row
    from {{ ref('stg_stripe__products') }}

),

ranked as (

    select
        product_ids.product_id,
        records.*,
        row_number() over (
            partition by product_ids.product_id
            order by
                case records.source when 'files' then 1 when 'salesforce' then 2 else 3 end,
                records.source_id
        ) as precedence
    from records
    inner join product_ids
        on
            records.source = product_ids.source
            and records.source_id = product_ids.source_id

),

final as (

    select
        product_id,
        {{ first_known('name', 'precedence') }} as name,
        {{ first_known('family', 'precedence') }} as family,
        {{ first_known('source', 'precedence') }} as source,
        {{ first_known('_load_id', 'precedence') }} as _load_id,
        {{ first_known('_file', 'precedence') }} as _file,
        {{ first_known('_row', 'precedence') }} as _row
    from ranked
    group by product_id

)

select * from final
