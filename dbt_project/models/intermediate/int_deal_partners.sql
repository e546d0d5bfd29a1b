with

known_partners as (

    select distinct
        source_id,
        partner_id
    from {{ ref('int_partner_ids') }}

),

parameters as (

    select * from {{ ref('stg_run__parameters') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

deal_references as (

    select * from {{ ref('int_deal_references') }}

),

records as (

    select
        deal_partner_id,
        deal_id,
        partner_id,
        role,
        share,
        registered_at,
        approved_at,
        'files' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_files__deal_partners') }}
    union all
    select
        deal_registration_id as deal_partner_id,
        opportunity_id as deal_id,
        partner_account_id as partner_id,
        coalesce(role, 'sourced') as role,
        share,
        registered_at,
        approved_at,
        'salesforce' as source,
        _load_id,
        _file,
        _row
    from {{ ref('stg_salesforce__deal_registrations') }}
    where
        opportunity_id is not null
        and partner_account_id is not null
    union all
    -- A role on the deal, without a registration.
    select
        'hs_' || hubspot_deals.deal_id as deal_partner_id,
        deals.deal_id,
        hubspot_deals.partner_account_id as partner_id,
        coalesce(hubspot_deals.partner_role, 'sourced') as role,
        null as share,
        null as registered_at,
        null as approved_at,
        'hubspot' as source,
        hubspot_deals._load_id,
        hubspot_deals._file,
        hubspot_deals._row
    from {{ ref('stg_hubspot__deals') }} as hubspot_deals
    inner join deals
        on
            hubspot_deals.deal_id = deals.source_id
            and deals.source = 'hubspot'
    where hubspot_deals.partner_account_id is not null

),

distinct_records as (

    {{ first_source('records', 'deal_partner_id') }}

),

known_at_the_time as (

    select
        distinct_records.deal_partner_id,
        coalesce(deal_references.deal_id, distinct_records.deal_id) as deal_id,
        coalesce(known_partners.partner_id, distinct_records.partner_id) as partner_id,
        distinct_records.role,
        distinct_records.share,
        distinct_records.registered_at,
        case when distinct_records.approved_at <= parameters.as_of then distinct_records.approved_at end as approved_at,
        distinct_records.source,
        distinct_records._load_id,
        distinct_records._file,
        distinct_records._row
    from distinct_records
    left join deal_references on distinct_records.deal_id = deal_references.reference
    left join known_partners on distinct_records.partner_id = known_partners.source_id
    cross join parameters
    where distinct_records.registered_at is null or distinct_records.registered_at <= parameters.as_of

),

-- Who sourced a deal without saying how much of it takes an equal part of what the others left; other roles take none.
counted as (

    select
        *,
        cast(coalesce(sum(share) over (partition by deal_id), 0) as {{ fraction() }}) as given,
        {{ only_where('count', '*', "share is null and role = 'sourced'") }} over (partition by deal_id) as takers,
        row_number() over (
            partition by deal_id, case when share is null and role = 'sourced' then 1 else 0 end
            order by partner_id, deal_partner_id
        ) as turn
    from known_at_the_time

),

-- In millionths of a millionth, so that the parts sum to the whole: those left over go to the first by partner id.
parts as (

    select
        *,
        cast(greatest(1 - given, 0) * 1000000000000 as bigint) as left_over
    from counted

),

final as (

    select
        deal_partner_id,
        deal_id,
        partner_id,
        role,
        case
            when share is not null then share
            when role <> 'sourced' then cast(0 as {{ fraction() }})
            else
                cast(
                    (
                        {{ whole_quotient('left_over', 'takers') }}
                        + case when turn <= left_over % takers then 1 else 0 end
                    ) * cast(0.000000000001 as decimal(18, 12)) as {{ fraction() }}
                )
        end as share,
        share is not null as is_share_given,
        registered_at,
        approved_at,
        source,
        _load_id,
        _file,
        _row
    from parts

)

select * from final
