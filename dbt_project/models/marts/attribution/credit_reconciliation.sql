with

conversions as (

    select * from {{ ref('int_conversions') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

credits as (

    select * from {{ ref('credits') }}

),

converted as (

    select
        conversions.month,
        models.model,
        conversions.conversion_kind,
        conversions.currency,
        count(*) as conversions,
        sum(conversions.amount) as amount
    from conversions
    cross join models
    group by conversions.month, models.model, conversions.conversion_kind, conversions.currency

),

credited as (

    select
        month,
        model,
        conversion_kind,
        currency,
        sum(case when touchpoint_id <> 'unattributed' then credit else 0 end) as credited,
        sum(case when touchpoint_id = 'unattributed' then credit else 0 end) as unattributed,
        sum(case when touchpoint_id <> 'unattributed' then amount else 0 end) as credited_amount,
        sum(case when touchpoint_id = 'unattributed' then amount else 0 end) as unattributed_amount
    from credits
    group by month, model, conversion_kind, currency

),

final as (

    select
        converted.month,
        converted.model,
        converted.conversion_kind,
        converted.currency,
        converted.conversions,
        cast(coalesce(credited.credited, 0) as decimal(28, 12)) as credited,
        cast(coalesce(credited.unattributed, 0) as decimal(28, 12)) as unattributed,
        cast(
            converted.conversions - coalesce(credited.credited + credited.unattributed, 0) as decimal(28, 12)
        ) as difference,
        cast(converted.amount as {{ money_total() }}) as amount,
        cast(coalesce(credited.credited_amount, 0) as {{ money_total() }}) as credited_amount,
        cast(coalesce(credited.unattributed_amount, 0) as {{ money_total() }}) as unattributed_amount,
        cast(
            converted.amount - coalesce(credited.credited_amount + credited.unattributed_amount, 0)
            as {{ money_total() }}
        ) as amount_difference
    from converted
    left join credited
        on
            converted.month = credited.month
            and converted.model = credited.model
            and converted.conversion_kind = credited.conversion_kind
            and converted.currency = credited.currency

)

select * from final
