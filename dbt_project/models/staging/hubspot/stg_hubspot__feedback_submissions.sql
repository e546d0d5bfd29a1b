with

landed as (

    select * from {{ source('hubspot', 'feedback_submissions') }}

),

typed as (

    select
        {{ text('id') }} as feedback_submission_id,
        {{ text('partner_account_id') }} as partner_account_id,
        cast(hs_value as {{ exact() }}) as score,
        hs_submission_timestamp as answered_at,
        hs_lastmodifieddate,
        archived,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'feedback_submission_id', version='hs_lastmodifieddate', deleted='archived') }}

),

final as (

    select
        feedback_submission_id,
        partner_account_id,
        score,
        answered_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
