with

touches as (

    select * from {{ ref('int_touches') }}

),

conversions as (

    select * from {{ ref('int_conversions') }}

),

units as (

    select * from {{ ref('int_journeys_units') }}

),

model_lookbacks as (

    select * from {{ ref('int_journeys_lookbacks') }}

),

programme_lookbacks as (

    select * from {{ ref('int_journeys_programme_lookbacks') }}

),

lookbacks as (

    select distinct
        lookback_id,
        lookback_seconds
    from model_lookbacks

),

channels as (

    select
        unit_id as channel,
        unit_key as channel_key
    from units
    where unit = 'channel'

),

partners as (

    select
        unit_id as partner_id,
        unit_key as partner_key
    from units
    where unit = 'partner'

),

-- A touch is in the journey of each conversion of its account that it came before, or with. One that is later than all
-- of them, or whose account has none, is in the account's open journey.
followed as (

    select
        touches.touch_key,
        touches.account_id,
        touches.occurred_at,
        conversions.conversion_key,
        {{ microseconds('conversions.converted_at') }} - {{ microseconds('touches.occurred_at') }} as age,
        {{ number_pair('channels.channel_key', 'partners.partner_key') }} as unit_keys
    from touches
    -- Every touch has both; as left joins they leave the planner its count of touches, so that it hashes conversions.
    left join channels on touches.channel = channels.channel
    left join partners on coalesce(touches.partner_id, 'no_partner') = partners.partner_id
    left join conversions
        on
            touches.account_id = conversions.account_id
            and touches.occurred_at <= conversions.converted_at
    where touches.account_id is not null

),

-- A touch exactly a lookback before the conversion does not count.
converting as (

    select
        lookbacks.lookback_id,
        followed.conversion_key,
        followed.touch_key,
        followed.occurred_at,
        followed.unit_keys,
        -- Which journey it is, in one number: a window sorts by its keys.
        {{ number_pair('lookbacks.lookback_id', 'followed.conversion_key') }} as cut_key
    from followed
    cross join lookbacks
    left join programme_lookbacks
        on
            lookbacks.lookback_id = programme_lookbacks.lookback_id
            and followed.touch_key = programme_lookbacks.touch_key
    where
        followed.conversion_key is not null
        and followed.age
        < cast(coalesce(programme_lookbacks.lookback_seconds, lookbacks.lookback_seconds) as bigint) * 1000000

),

converting_ordered as (

    select
        lookback_id,
        conversion_key as journey_key,
        conversion_key,
        touch_key,
        occurred_at,
        row_number() over journey as position,
        unit_keys,
        lag(unit_keys) over journey as keys_before,
        lag(unit_keys, 2) over journey as keys_before_last,
        lead(unit_keys) over journey as keys_following
    from converting
    window journey as (
        partition by cut_key
        order by touch_key
    )

),

-- No lookback cuts an open journey, so all have the same.
open_ordered as (

    select
        touch_key,
        occurred_at,
        first_value(touch_key) over journey as first_touch_key,
        row_number() over journey as position,
        unit_keys,
        lag(unit_keys) over journey as keys_before,
        lag(unit_keys, 2) over journey as keys_before_last,
        lead(unit_keys) over journey as keys_following
    from followed
    where conversion_key is null
    window journey as (
        partition by account_id
        order by touch_key
    )

),

ordered as (

    select * from converting_ordered
    union all
    select
        lookbacks.lookback_id,
        -open_ordered.first_touch_key as journey_key,
        cast(null as bigint) as conversion_key,
        open_ordered.touch_key,
        open_ordered.occurred_at,
        open_ordered.position,
        open_ordered.unit_keys,
        open_ordered.keys_before,
        open_ordered.keys_before_last,
        open_ordered.keys_following
    from open_ordered
    cross join lookbacks

),

final as (

    select
        lookback_id,
        journey_key,
        conversion_key,
        touch_key,
        occurred_at,
        cast(position as integer) as position,
        cast({{ first_of_pair('unit_keys') }} as integer) as channel_key,
        cast(coalesce({{ first_of_pair('keys_before') }}, 0) as integer) as channel_key_before,
        cast(coalesce({{ first_of_pair('keys_before_last') }}, 0) as integer) as channel_key_before_that,
        cast(coalesce({{ first_of_pair('keys_following') }}, 0) as integer) as channel_key_following,
        cast({{ second_of_pair('unit_keys') }} as integer) as partner_key,
        cast(coalesce({{ second_of_pair('keys_before') }}, 0) as integer) as partner_key_before,
        cast(coalesce({{ second_of_pair('keys_before_last') }}, 0) as integer) as partner_key_before_that,
        cast(coalesce({{ second_of_pair('keys_following') }}, 0) as integer) as partner_key_following
    from ordered

)

select * from final
