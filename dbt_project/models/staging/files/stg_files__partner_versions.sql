with

landed as (

    select * from {{ source('files', 'partners') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

-- A file that does not say when its rows changed is as old as its arrival.
final as (

    select
        {{ text('landed.partner_id') }} as partner_id,
        {{ word('landed.status') }} as status,
        {{ text('landed.manager_id') }} as manager_id,
        coalesce(landed.updated_at, landed._loaded_at) as changed_at,
        landed._load_id,
        landed._file,
        landed._row
    from landed
    cross join parameters
    where
        landed._loaded_at <= parameters.known_at
        and not coalesce(landed.is_deleted, false)

)

select * from final
