with

quarantine as (

    select * from {{ source('landing', 'quarantine') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

final as (

    select
        load_id,
        source,
        object,
        loaded_at,
        file,
        row,
        record_key,
        field,
        reason
    from quarantine
    where loaded_at <= (select parameters.known_at from parameters)

)

select * from final
