with

customer_ids as (

    select * from {{ ref('int_customer_ids') }}

),

records as (

    select
        'files' as source,
        customer_id as source_id,
        name,
        country,
        segment,
        created_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__customers') }}
    union all
    select
        'salesforce' as source,
        account_id as source_id,
        name,
        country,
        segment,
        created_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__accounts') }}
    union all
    select
        'hubspot' as source,
        company_id as source_id,
        name,
        country,
        segment,
        created_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_hubspot__companies') }}
    union all
    select
        'stripe' as source,
        customer_id as source_id,
        name,
        null as country,
        null as segment,
        created_at,
        _load_id,
        _file,
        _row
    from {{ ref('stg_stripe__customers') }}

),

-- Whose word goes first: the file drop's, then the sales CRM's, then marketing's, then billing's.
ranked as (

    select
        customer_ids.customer_id,
        records.*,
        row_number() over (
            partition by customer_ids.customer_id
            order by
                case records.source when 'files' then 1 when 'salesforce' then 2 when 'hubspot' then 3 else 4 end,
                case customer_ids.matched_by when 'merge' then 2 else 1 end,
                records.source_id
        ) as precedence
    from records
    inner join customer_ids
        on
            records.source = customer_ids.source
            and records.source_id = customer_ids.source_id

),

final as (

    select
        customer_id,
        {{ first_known('name', 'precedence') }} as name,
        {{ first_known('country', 'precedence') }} as country,
        {{ first_known('segment', 'precedence') }} as segment,
        coalesce(
            {{ only_where('min', 'created_at', "source = 'files'") }},
            min(created_at)
        ) as created_at,
        {{ first_known('source', 'precedence') }} as source,
        {{ first_known('_load_id', 'precedence') }} as _load_id,
        {{ first_known('_file', 'precedence') }} as _file,
        {{ first_known('_row', 'precedence') }} as _row
    from ranked
    group by customer_id

)

select * from final
