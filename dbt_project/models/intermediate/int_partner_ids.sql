with

files as (

    select * from {{ ref('stg_files__partners') }}

),

accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

account_masters as (

    select
        loser_id,
        master_id
    from {{ ref('int_merged_records') }}
    where source = 'salesforce' and object = 'account'

),

partner_accounts as (

    select account_id
    from accounts
    where is_partner

),

final as (

    select
        'files' as source,
        partner_id as source_id,
        partner_id
    from files
    union all
    select
        'salesforce' as source,
        account_id as source_id,
        account_id as partner_id
    from partner_accounts
    union all
    -- An id that the file drop uses is never given to another partner.
    select
        'salesforce' as source,
        account_masters.loser_id as source_id,
        account_masters.master_id as partner_id
    from account_masters
    inner join partner_accounts on account_masters.master_id = partner_accounts.account_id
    left join files on account_masters.loser_id = files.partner_id
    where files.partner_id is null

)

select * from final
