with

manifests as (

    select * from {{ source('landing', 'manifests') }}

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
        received,
        landed,
        quarantined,
        duplicates,
        cursor_from,
        cursor_to,
        cast(undeclared as {{ text_type() }}) as undeclared,
        bytes,
        coalesce(missing, {{ words([]) }}) as missing,
        coalesce({{ set_size('warnings') }}, 0) as warnings,
        files
    from manifests
    where loaded_at <= (select parameters.known_at from parameters)

)

select * from final
