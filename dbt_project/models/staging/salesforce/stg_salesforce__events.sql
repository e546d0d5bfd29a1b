with

landed as (

    select * from {{ source('salesforce', 'Event') }}

),

typed as (

    select
        {{ text('Id') }} as event_id,
        {{ text('WhoId') }} as who_id,
        {{ text('WhatId') }} as what_id,
        {{ text('AccountId') }} as account_id,
        {{ text('OwnerId') }} as owner_id,
        {{ word('EventSubtype') }} as kind,
        StartDateTime as starts_at,
        EndDateTime as ends_at,
        SystemModstamp,
        IsDeleted,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'event_id', version='SystemModstamp', deleted='IsDeleted') }}

),

final as (

    select
        event_id,
        who_id,
        what_id,
        account_id,
        owner_id,
        kind,
        starts_at,
        ends_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
