with

loads as (

    select * from {{ ref('stg_ops__loads') }}

),

undeclared as (

    select
        load_id,
        source,
        object,
        loaded_at,
        'undeclared' as change,
        {{ json_counts('undeclared', 'field', 'records') }}
    from loads
    where undeclared is not null

),

missing as (

    select
        load_id,
        source,
        object,
        loaded_at,
        'missing' as change,
        {{ each_of('missing') }} as field,
        received as records
    from loads

),

changes as (

    select * from undeclared
    union all
    select * from missing

),

final as (

    select
        source,
        object,
        field,
        change,
        min(loaded_at) as first_seen,
        max(loaded_at) as last_seen,
        count(distinct load_id) as loads,
        cast(sum(records) as bigint) as records
    from changes
    group by source, object, field, change

)

select * from final
order by source, object, field, change
