with

landed as (

    select * from {{ source('salesforce', 'User') }}

),

typed as (

    select
        {{ text('Id') }} as user_id,
        {{ text('AccountId') }} as account_id,
        {{ text('ManagerId') }} as manager_id,
        {{ word('UserType') }} as kind,
        IsActive as is_active,
        CreatedDate as created_at,
        SystemModstamp,
        _load_id,
        _loaded_at,
        _file,
        _row
    from landed

),

versions as (

    {{ latest_by_key('typed', 'user_id', version='SystemModstamp', deleted=none) }}

),

final as (

    select
        user_id,
        account_id,
        manager_id,
        kind,
        is_active,
        created_at,
        _load_id,
        _file,
        _row
    from versions

)

select * from final
