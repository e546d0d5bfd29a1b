with

known_partners as (

    select distinct
        source_id,
        partner_id
    from {{ ref('int_partner_ids') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

deal_partners as (

    select * from {{ ref('int_deal_partners') }}

),

opportunity_partners as (

    select * from {{ ref('stg_salesforce__opportunity_partners') }}

),

crm_partner_roles as (

    select * from {{ ref('crm_partner_roles') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

-- These say who took part. They have no share of the deal: that is what `int_deal_partners` is for.
opportunity_roles as (

    select
        'opportunity_partner:' || opportunity_partners.opportunity_partner_id as evidence_id,
        deals.deal_id,
        coalesce(known_partners.partner_id, opportunity_partners.partner_account_id) as partner_id,
        coalesce(crm_partner_roles.role, 'assisted') as role,
        cast(null as {{ fraction() }}) as share,
        opportunity_partners.created_at as stated_at
    from opportunity_partners
    inner join deals on opportunity_partners.opportunity_id = deals.deal_id
    inner join parameters on opportunity_partners.created_at <= parameters.as_of
    left join known_partners on opportunity_partners.partner_account_id = known_partners.source_id
    left join crm_partner_roles on opportunity_partners.role = crm_partner_roles.crm_role
    where opportunity_partners.partner_account_id is not null

),

final as (

    select
        'deal_partner:' || deal_partner_id as evidence_id,
        deal_id,
        partner_id,
        role,
        cast(case when is_share_given then share end as {{ fraction() }}) as share,
        cast(null as {{ instant_type() }}) as stated_at
    from deal_partners
    where registered_at is null
    union all
    select * from opportunity_roles

)

select * from final
