with

journeys as (

    select * from {{ ref('int_journeys') }}

),

conversions as (

    select * from {{ ref('int_conversion_revenue') }}

),

models as (

    select * from {{ ref('attribution_models') }}

),

settings as (

    select * from {{ ref('attribution_settings') }}

),

parameters as (

    select * from {{ ref('int_kpi_parameters') }}

),

longest_paths as (

    select value as path_touches
    from settings
    where setting = 'path_touches'

),

touches as (

    select
        journeys.journey_id,
        journeys.conversion_kind,
        journeys.conversion_id,
        journeys.channel,
        journeys.position,
        journeys.touches,
        journeys.occurred_at,
        case when journeys.position > journeys.touches - longest_paths.path_touches then journeys.channel end
            as shown_channel,
        journeys.touches > longest_paths.path_touches as is_cut
    from journeys
    inner join models on journeys.lookback_seconds = models.lookback_seconds
    cross join longest_paths
    where models.model = 'last_touch'

),

paths as (

    select
        journey_id,
        conversion_kind,
        conversion_id,
        case when is_cut then '… > ' else '' end || {{ path_of('shown_channel', 'position') }} as path,
        touches,
        count(distinct channel) as channels,
        min(occurred_at) as first_touch_at,
        max(occurred_at) as last_touch_at
    from touches
    group by journey_id, conversion_kind, conversion_id, touches, is_cut

),

final as (

    select
        conversions.conversion_kind || ':' || conversions.conversion_id as journey_id,
        conversions.conversion_kind as outcome,
        coalesce(paths.path, 'unattributed') as path,
        coalesce(paths.touches, 0) as touches,
        coalesce(paths.channels, 0) as channels,
        conversions.currency,
        conversions.revenue,
        {{ whole_quotient(
            microseconds('conversions.converted_at') ~ ' - ' ~ microseconds('paths.first_touch_at'), 1000000
        ) }} as seconds,
        conversions.month
    from conversions
    left join paths
        on
            conversions.conversion_kind = paths.conversion_kind
            and conversions.conversion_id = paths.conversion_id
    union all
    select
        paths.journey_id,
        'open' as outcome,
        paths.path,
        paths.touches,
        paths.channels,
        parameters.reporting_currency as currency,
        cast(0 as {{ money_total() }}) as revenue,
        {{ whole_quotient(
            microseconds('paths.last_touch_at') ~ ' - ' ~ microseconds('paths.first_touch_at'), 1000000
        ) }} as seconds,
        cast(date_trunc('month', {{ report_day('paths.last_touch_at') }}) as date) as month
    from paths
    cross join parameters
    where paths.conversion_id is null

)

select * from final
