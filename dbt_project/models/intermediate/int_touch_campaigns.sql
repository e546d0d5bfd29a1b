with

touches as (

    select * from {{ ref('int_touches') }}

),

touchpoints as (

    select * from {{ ref('int_touchpoints') }}

),

responses as (

    select * from {{ ref('int_activity_responses') }}

),

activities as (

    select * from {{ ref('int_activities') }}

),

-- A campaign is an activity that is known by that id, in its own system or here, or by that name alone.
names as (

    select
        lower(activity_id) as reference,
        activity_id,
        1 as precedence
    from activities
    union all
    select
        lower(source_id) as reference,
        activity_id,
        2 as precedence
    from activities
    union all
    select
        lower(trim(name)) as reference,
        min(activity_id) as activity_id,
        3 as precedence
    from activities
    group by lower(trim(name))
    having count(*) = 1

),

known_campaigns as (

    select
        reference,
        {{ first_known('activity_id', 'precedence') }} as activity_id
    from names
    where reference is not null
    group by reference

),

named as (

    select
        {{ touchpoint_id('touchpoints.touchpoint_id') }} as touchpoint_id,
        coalesce(known_campaigns.activity_id, lower(touchpoints.campaign)) as campaign_id
    from touchpoints
    left join known_campaigns on lower(touchpoints.campaign) = known_campaigns.reference
    -- So the reports call what has no campaign.
    where lower(touchpoints.campaign) not in ('no_campaign', 'unattributed')
    union all
    select
        {{ touch_id('activity_response', 'response_id') }} as touchpoint_id,
        activity_id as campaign_id
    from responses
    where activity_id not in ('no_campaign', 'unattributed')

),

final as (

    select
        touches.touch_key,
        named.touchpoint_id,
        named.campaign_id
    from touches
    inner join named on touches.touchpoint_id = named.touchpoint_id

)

select * from final
