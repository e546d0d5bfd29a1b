with

versions as (

    select * from {{ ref('int_partner_versions') }}

),

partners as (

    select * from {{ ref('int_partners') }}

),

final as (

    select
        versions.partner_id || '@' || cast(versions.valid_from as {{ text_type() }}) as partner_version_id,
        versions.partner_id,
        versions.version,
        versions.valid_from,
        versions.valid_to,
        versions.is_current,
        partners.name,
        partners.partner_type,
        partners.country,
        versions.status,
        versions.manager_id,
        versions.programmes,
        versions.tier
    from versions
    inner join partners on versions.partner_id = partners.partner_id

)

select * from final
