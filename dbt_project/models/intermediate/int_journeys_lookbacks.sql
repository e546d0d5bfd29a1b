with

models as (

    select * from {{ ref('attribution_models') }}

),

lookbacks as (

    select * from {{ ref('attribution_lookbacks') }}

),

-- Models whose lookbacks are all the same share their journeys.
described as (

    select
        models.model,
        cast(models.lookback_seconds as {{ text_type() }})
        || coalesce(
            {{ joined_texts(
                "';' || lookbacks.programme || '=' || lookbacks.lookback_seconds", '', by='lookbacks.programme'
            ) }},
            ''
        ) as lookbacks
    from models
    left join lookbacks on models.model = lookbacks.model
    group by models.model, models.lookback_seconds

),

numbered as (

    select
        model,
        cast(dense_rank() over (order by lookbacks) as integer) as lookback_id
    from described

),

final as (

    select
        numbered.model,
        numbered.lookback_id,
        models.lookback_seconds
    from numbered
    inner join models using (model)

)

select * from final
