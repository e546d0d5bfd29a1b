with

landed as (

    select * from {{ source('files', 'surveys') }}

),

latest as (

    {{ latest_by_key('landed', 'survey_id') }}

),

final as (

    select
        survey_id,
        partner_id,
        cast(score as {{ exact() }}) as score,
        answered_at,
        _load_id,
        _row
    from latest

)

select * from final
