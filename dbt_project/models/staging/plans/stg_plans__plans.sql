with

plans as (

    {{ plan_rows('commission_plans') }}

),

typed as (

    select
        trim(plan_id) as plan_id,
        cast(trim(version) as integer) as plan_version,
        cast(trim(effective_from) as date) as effective_from,
        cast(nullif(trim(effective_to), '') as date) as effective_to,
        trim(name) as name,
        trim(programme) as programme,
        trim(model) as model,
        trim(currency) as currency,
        trim(tier_basis) as tier_basis,
        trim(tier_mode) as tier_mode,
        trim(earn_window) as earn_window,
        coalesce(cast(nullif(trim(payment_terms_days), '') as integer), 0) as payment_terms_days,
        coalesce(cast(nullif(trim(min_payout), '') as {{ money() }}), 0) as min_payout,
        cast(nullif(trim(cap_per_period), '') as {{ money() }}) as cap_per_period,
        cast(nullif(trim(clawback_months), '') as integer) as clawback_months,
        nullif(trim(volume_period), '') as volume_period,
        coalesce(nullif(trim(rounding), ''), 'half_up') as rounding,
        trim(timezone) as timezone,
        coalesce(nullif(trim(crediting_model), ''), 'deal_partners') as crediting_model
    from plans

),

final as (

    select
        plan_id,
        plan_version,
        effective_from,
        effective_to,
        name,
        programme,
        model,
        currency,
        tier_basis,
        tier_mode,
        case
            when earn_window = 'first_year' then 12
            when earn_window like 'months:%' then cast(substring(earn_window, 8) as integer)
        end as earn_months,
        payment_terms_days,
        min_payout,
        cap_per_period,
        clawback_months,
        volume_period,
        rounding,
        timezone,
        crediting_model
    from typed

)

select * from final
