with

files as (

    select * from {{ ref('stg_files__products') }}

),

salesforce_products as (

    select * from {{ ref('stg_salesforce__products') }}

),

stripe_products as (

    select * from {{ ref('stg_stripe__products') }}

),

catalogue as (

    select product_id from files
    union
    select product_id from salesforce_products

),

final as (

    select
        'files' as source,
        product_id as source_id,
        product_id
    from files
    union all
    select
        'salesforce' as source,
        product_id as source_id,
        product_id
    from salesforce_products
    union all
    select
        'stripe' as source,
        stripe_products.product_id as source_id,
        coalesce(same_id.product_id, referred.product_id, stripe_products.product_id) as product_id
    from stripe_products
    left join catalogue as same_id on stripe_products.product_id = same_id.product_id
    left join catalogue as referred on stripe_products.salesforce_product_id = referred.product_id

)

select * from final
