with

landed as (

    select * from {{ source('salesforce', 'Task') }}

),

typed as (

    select
        {{ text('Id') }} as task_id,
        {{ text('WhoId') }} as who_id,
        {{ text('WhatId') }} as what_id,
        {{ text('AccountId') }} as account_id,
        {{ text('OwnerId') }} as owner_id,
        {{ word('Status') }} as status,
        {{ word('TaskSubtype') }} as kind,
        ActivityDate as due_on,
        coalesce(IsClosed, false) as is_closed,
        CompletedDateTime as completed_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'task_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        task_id,
        who_id,
        what_id,
        account_id,
        owner_id,
        status,
        kind,
        due_on,
        is_closed,
        completed_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
