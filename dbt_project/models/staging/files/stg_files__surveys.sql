with

landed as (

    select * from {{ source('files', 'surveys') }}

),

typed as (

    select
        {{ text('survey_id') }} as survey_id,
        {{ text('partner_id') }} as partner_id,
        cast(score as {{ exact() }}) as score,
        answered_at,
        updated_at,
        is_deleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'survey_id') }}

),

final as (

    select
        survey_id,
        partner_id,
        score,
        answered_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
