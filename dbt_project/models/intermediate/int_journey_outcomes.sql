with

steps as (

    select * from {{ ref('int_journeys_steps') }}

),

lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

units as (

    select * from {{ ref('int_journeys_units') }}

),

conversions as (

    select * from {{ ref('int_conversion_revenue') }}

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

channels as (

    select
        unit_key as channel_key,
        unit_id as channel
    from units
    where unit = 'channel'

),

touches as (

    select
        steps.journey_key,
        steps.conversion_key,
        channels.channel,
        steps.position,
        steps.occurred_at,
        count(*) over (partition by steps.journey_key) as touches
    from steps
    inner join lookbacks on steps.lookback_id = lookbacks.lookback_id
    inner join channels on steps.channel_key = channels.channel_key
    where lookbacks.model = 'last_touch'

),

shown as (

    select
        touches.*,
        case when touches.position > touches.touches - longest_paths.path_touches then touches.channel end
            as shown_channel,
        touches.touches > longest_paths.path_touches as is_cut
    from touches
    cross join longest_paths

),

paths as (

    select
        journey_key,
        conversion_key,
        case when is_cut then '… > ' else '' end || {{ path_of('shown_channel', 'position') }} as path,
        touches,
        count(distinct channel) as channels,
        min(occurred_at) as first_touch_at,
        max(occurred_at) as last_touch_at
    from shown
    group by journey_key, conversion_key, touches, is_cut

),

final as (

    select
        conversions.conversion_key as journey_key,
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
    left join paths on conversions.conversion_key = paths.conversion_key
    union all
    select
        paths.journey_key,
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
    where paths.conversion_key is null

)

select * from final
