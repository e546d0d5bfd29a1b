with

accounts as (

    {{ latest_by_key(source('salesforce', 'Account'), 'Id', version='SystemModstamp', deleted=none) }}

),

contacts as (

    {{ latest_by_key(source('salesforce', 'Contact'), 'Id', version='SystemModstamp', deleted=none) }}

),

leads as (

    {{ latest_by_key(source('salesforce', 'Lead'), 'Id', version='SystemModstamp', deleted=none) }}

),

final as (

    select
        'account' as object,
        {{ text('Id') }} as loser_id,
        {{ text('MasterRecordId') }} as master_id
    from accounts
    where {{ text('MasterRecordId') }} is not null
    union all
    select
        'contact' as object,
        {{ text('Id') }} as loser_id,
        {{ text('MasterRecordId') }} as master_id
    from contacts
    where {{ text('MasterRecordId') }} is not null
    union all
    select
        'lead' as object,
        {{ text('Id') }} as loser_id,
        {{ text('MasterRecordId') }} as master_id
    from leads
    where {{ text('MasterRecordId') }} is not null

)

select * from final
