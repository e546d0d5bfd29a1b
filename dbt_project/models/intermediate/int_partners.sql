with

files as (

    select * from {{ ref('stg_files__partners') }}

),

accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

partner_accounts as (

    select *
    from accounts
    where is_partner

),

-- The file drop's word goes first where both know a partner by the same id.
joined as (

    select
        coalesce(files.partner_id, partner_accounts.account_id) as partner_id,
        coalesce(files.name, partner_accounts.name) as name,
        coalesce(files.partner_type, partner_accounts.partner_type) as partner_type,
        coalesce(files.country, partner_accounts.country) as country,
        coalesce(files.currency, partner_accounts.currency) as currency,
        coalesce(files.status, partner_accounts.partner_status) as status,
        partner_accounts.is_tax_form_received,
        coalesce(files.signed_at, partner_accounts.signed_at) as signed_at,
        coalesce(files.terminated_at, partner_accounts.terminated_at) as terminated_at,
        case when files.partner_id is null then 'salesforce' else 'files' end as source,
        coalesce(files._load_id, partner_accounts._load_id) as _load_id,
        coalesce(files._file, partner_accounts._file) as _file,
        coalesce(files._row, partner_accounts._row) as _row
    from files
    full outer join partner_accounts on files.partner_id = partner_accounts.account_id

),

final as (

    select
        joined.partner_id,
        row_number() over (order by joined.partner_id) as partner_key,
        joined.name,
        joined.partner_type,
        joined.country,
        joined.currency,
        coalesce(
            joined.status,
            case when joined.terminated_at <= parameters.as_of then 'terminated' else 'active' end
        ) as status,
        joined.signed_at,
        joined.terminated_at,
        joined.is_tax_form_received,
        joined.source,
        joined._load_id,
        joined._file,
        joined._row
    from joined
    cross join parameters

)

select * from final
