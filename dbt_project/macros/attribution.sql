{# Instants as whole microseconds, so that a lookback is exact: no calendar, no daylight saving. #}
{% macro microseconds(instant) -%} {{ return(adapter.dispatch('microseconds')(instant)) }} {%- endmacro %}
{% macro default__microseconds(instant) -%} unix_micros({{ instant }}) {%- endmacro %}
{% macro duckdb__microseconds(instant) -%} epoch_us({{ instant }}) {%- endmacro %}

{# How many parts a conversion's credit is divided into: a credit is a whole number of 10^-12. #}
{% macro credit_parts() -%} cast(1000000000000 as {{ wide_integer() }}) {%- endmacro %}

{# A number in floating point as such parts, to the nearest. #}
{% macro credit_parts_of(number) -%} cast(round({{ number }} * 1e12) as {{ wide_integer() }}) {%- endmacro %}

{# Parts of 10^-12 as a fraction. #}
{% macro parts_to_fraction(parts) -%}
    cast(cast({{ parts }} as decimal(18, 0)) * cast(0.000000000001 as decimal(12, 12)) as {{ fraction() }})
{%- endmacro %}

{# What a milestone of `attribution_weights` earns under the model of the group, in millionths; 0 where it is not named. #}
{% macro milestone_share(milestone) -%}
    cast(round(coalesce(sum(case when milestone = '{{ milestone }}' then share end), 0) * 1000000) as bigint)
{%- endmacro %}

{# The quotient of two non-negative whole numbers of 64 bits, without its remainder. #}
{% macro quotient_64(numerator, denominator) -%}
    {{ return(adapter.dispatch('quotient_64')(numerator, denominator)) }}
{%- endmacro %}
{% macro default__quotient_64(numerator, denominator) -%} (({{ numerator }}) div ({{ denominator }})) {%- endmacro %}
{% macro duckdb__quotient_64(numerator, denominator) -%} (({{ numerator }}) // ({{ denominator }})) {%- endmacro %}

{#
    The greatest sum of weights that a journey may have: twice as fine as the parts of a credit, and all arithmetic of
    credits fits 64 bits with it. Wider integers are exact too, but an engine divides them a hundred times more slowly.
#}
{% macro greatest_weight() -%} cast(2000000000000 as bigint) {%- endmacro %}

{#
    2^(-age / half_life) as a whole number, of which so many sum to the greatest weight at most. From here on the
    arithmetic is whole, so the order of summation cannot change a credit.
#}
{% macro decay_weight(age, half_life, touches) -%}
    cast(
        floor(
            pow(2.0, -cast({{ age }} as {{ double_type() }}) / cast({{ half_life }} as {{ double_type() }}))
            * {{ quotient_64(greatest_weight(), touches) }}
        ) as bigint
    )
{%- endmacro %}

{# What one of so many touches gets of the part of a total, as such a weight. #}
{% macro part_of_greatest_weight(part, total, touches) -%}
    cast(
        floor(
            cast({{ part }} as {{ double_type() }}) / cast({{ total }} as {{ double_type() }})
            * cast({{ greatest_weight() }} as {{ double_type() }}) / cast({{ touches }} as {{ double_type() }})
        ) as bigint
    )
{%- endmacro %}

{#
    The rows of a relation with the whole parts and the remainder of a credit, for each model: weight * 10^12 / weights,
    by long division, six digits at a time. `<model>_weight` is at most `<model>_weights`, and that the greatest weight.
#}
{% macro credits_divided(relation, models) -%}
    {%- set divided = [] -%}
    {%- for model in models -%}
    {%- do divided.extend([model ~ '_weight', model ~ '_weights', model ~ '_rest', model ~ '_digits']) -%}
    {%- endfor %}
    select
        {{ all_but(divided) }},
        {%- for model in models %}
        {{ model }}_digits * 1000000 + {{ quotient_64(model ~ '_rest * 1000000', model ~ '_weights') }} as {{ model }}_whole,
        {{ model }}_rest * 1000000 % {{ model }}_weights as {{ model }}_remainder{{ '' if loop.last else ',' }}
        {%- endfor %}
    from (
        select
            *,
            {%- for model in models %}
            {{ quotient_64(model ~ '_weight * 1000000', model ~ '_weights') }} as {{ model }}_digits,
            {{ model }}_weight * 1000000 % {{ model }}_weights as {{ model }}_rest{{ '' if loop.last else ',' }}
            {%- endfor %}
        from {{ relation }}
    ) as _half_divided
{%- endmacro %}

{#
    A credit's whole part of an amount, and what remains in 10^-12 of a part: amount * credit / 10^12. The product of a
    greater amount does not fit 64 bits, and is taken in halves of six digits.
#}
{% macro amount_whole(amount, credit) -%}
    case
        when {{ amount }} <= 9000000 then {{ quotient_64(amount ~ ' * ' ~ credit, 1000000000000) }}
        else
            {{ quotient_64(amount, 1000000) }} * {{ quotient_64(credit, 1000000) }}
            + {{ quotient_64(_amount_middle(amount, credit), 1000000) }}
            + {{ quotient_64(_amount_end(amount, credit), 1000000000000) }}
    end
{%- endmacro %}

{% macro amount_remainder(amount, credit) -%}
    case
        when {{ amount }} <= 9000000 then {{ amount }} * {{ credit }}
        else {{ _amount_end(amount, credit) }}
    end % 1000000000000
{%- endmacro %}

{% macro _amount_middle(amount, credit) -%}
    (
        {{ quotient_64(amount, 1000000) }} * ({{ credit }} % 1000000)
        + {{ amount }} % 1000000 * {{ quotient_64(credit, 1000000) }}
    )
{%- endmacro %}

{% macro _amount_end(amount, credit) -%}
    (
        {{ _amount_middle(amount, credit) }} % 1000000 * 1000000
        + {{ amount }} % 1000000 * ({{ credit }} % 1000000)
    )
{%- endmacro %}

{# The attribution models, as `attribution_models` has them, to be split; `int_journeys_credits` has columns for each. #}
{% macro attribution_models() -%}
    first_touch last_touch last_non_direct linear position w_shaped full_path time_decay markov shapley
{%- endmacro %}

{# Two whole numbers from 0, the first below 2^31 and the second below 2^32, as one number of 64 bits; and each of them. #}
{% macro number_pair(first, second) -%}
    (cast({{ first }} as bigint) * cast(4294967296 as bigint) + {{ second }})
{%- endmacro %}

{% macro first_of_pair(pair) -%} {{ return(adapter.dispatch('first_of_pair')(pair)) }} {%- endmacro %}
{% macro default__first_of_pair(pair) -%} shiftright({{ pair }}, 32) {%- endmacro %}
{% macro duckdb__first_of_pair(pair) -%} ({{ pair }} >> 32) {%- endmacro %}

{% macro second_of_pair(pair) -%} {{ return(adapter.dispatch('second_of_pair')(pair)) }} {%- endmacro %}
{% macro default__second_of_pair(pair) -%} ({{ pair }} & cast(4294967295 as bigint)) {%- endmacro %}

{# A whole number whose only bit is the one of a place, from 1 to 62. #}
{% macro bit_at(place) -%} {{ return(adapter.dispatch('bit_at')(place)) }} {%- endmacro %}
{% macro default__bit_at(place) -%} shiftleft(cast(1 as bigint), {{ place }}) {%- endmacro %}
{% macro duckdb__bit_at(place) -%} (cast(1 as bigint) << {{ place }}) {%- endmacro %}

{# Whether a number has the bit of a place. #}
{% macro has_bit(number, place) -%} {{ return(adapter.dispatch('has_bit')(number, place)) }} {%- endmacro %}
{% macro default__has_bit(number, place) -%} ({{ bit_at(place) }} & {{ number }}) > 0 {%- endmacro %}

{# A number with every bit that any of a group has. #}
{% macro all_bits(value) -%} {{ return(adapter.dispatch('all_bits')(value)) }} {%- endmacro %}
{% macro default__all_bits(value) -%} bit_or({{ value }}) {%- endmacro %}

{# The distinct values of a group as one list, from the smallest; without any value the list is null. #}
{% macro sorted_set(value) -%} {{ return(adapter.dispatch('sorted_set')(value)) }} {%- endmacro %}
{% macro default__sorted_set(value) -%}
    case when count({{ value }}) > 0 then array_sort(collect_set({{ value }})) end
{%- endmacro %}
{% macro duckdb__sorted_set(value) -%}
    list_sort(list(distinct {{ value }}) filter (where {{ value }} is not null))
{%- endmacro %}

{#
    A number that so many values of a group reach, the greatest ones, and no others: the values are whole and differ from
    each other, nulls are left out. Null where it should be none of them, or more than there are.
#}
{% macro least_of_greatest(value, how_many) -%}
    {{ return(adapter.dispatch('least_of_greatest')(value, how_many)) }}
{%- endmacro %}
{% macro default__least_of_greatest(value, how_many) -%}
    case
        when {{ how_many }} between 1 and count({{ value }})
            then element_at(array_sort(collect_list({{ value }})), -cast({{ how_many }} as int))
    end
{%- endmacro %}
{# One value, or all but one, is what most groups ask for, and needs no sorting: that costs more than all else of it. #}
{% macro duckdb__least_of_greatest(value, how_many) -%}
    {%- set values = 'list(' ~ value ~ ') filter (where ' ~ value ~ ' is not null)' -%}
    case
        when {{ how_many }} = 1 then list_max({{ values }})
        when {{ how_many }} = len({{ values }}) - 1 then list_min({{ values }}) + 1
        when {{ how_many }} > 1 then list_sort({{ values }})[-{{ how_many }}]
    end
{%- endmacro %}

{# One row for each value of a list. #}
{% macro each_of(values) -%} {{ return(adapter.dispatch('each_of')(values)) }} {%- endmacro %}
{% macro default__each_of(values) -%} explode({{ values }}) {%- endmacro %}
{% macro duckdb__each_of(values) -%} unnest({{ values }}) {%- endmacro %}

{# How many values a list has. #}
{% macro set_size(values) -%} {{ return(adapter.dispatch('set_size')(values)) }} {%- endmacro %}
{% macro default__set_size(values) -%} size({{ values }}) {%- endmacro %}
{% macro duckdb__set_size(values) -%} len({{ values }}) {%- endmacro %}

{# A number for each row of a relation, from 1, in the order that the relation was sorted into. Unlike a window with that
   order in it, this needs no second copy of the rows in memory, and no engine brings them all to one worker for it. #}
{% macro row_key() -%} {{ return(adapter.dispatch('row_key')()) }} {%- endmacro %}
{% macro default__row_key() -%} (monotonically_increasing_id() + 1) {%- endmacro %}
{% macro duckdb__row_key() -%} row_number() over () {%- endmacro %}

{# Which of so many groups a text is put into, from 0: always the same, and without regard to what else there is. #}
{% macro group_of(value, groups) -%} {{ return(adapter.dispatch('group_of')(value, groups)) }} {%- endmacro %}
{% macro default__group_of(value, groups) -%}
    cast(cast(conv(substr(md5({{ value }}), 1, 8), 16, 10) as bigint) % {{ groups }} as integer)
{%- endmacro %}
{% macro duckdb__group_of(value, groups) -%}
    cast(cast('0x' || substr(md5({{ value }}), 1, 8) as bigint) % {{ groups }} as integer)
{%- endmacro %}

{# Parts of 10^-12 as a number of conversions. #}
{% macro parts_to_number(parts) -%}
    cast(cast({{ parts }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(28, 12))
{%- endmacro %}

{#
    The rows of a relation with a column more: their parts of a whole by largest remainder. Within each group of `by`,
    every row gets the whole part of whole * weight / sum(weight), and what is left goes one by one to the largest
    remainders, the row that is first by `tie` before the others; so the parts sum to the whole. `weight` and `whole` are
    whole numbers from 0; where all weights are 0, nobody gets anything.
#}
{% macro shared_out(relation, weight, whole, by, tie, part) -%}
    select
        {{ all_but(['_weights', '_numerator', '_whole_part', '_remainder', '_parts_left', '_claim']) }},
        _whole_part + case when _claim <= _parts_left then 1 else 0 end as {{ part }}
    from (
        select
            *,
            case when _weights = 0 then 0 else {{ whole }} end
            - sum(_whole_part) over (partition by {{ by | join(', ') }}) as _parts_left,
            row_number() over (
                partition by {{ by | join(', ') }}
                order by _remainder desc, {{ tie }} asc
            ) as _claim
        from (
            select
                *,
                {{ whole_quotient('_numerator', 'greatest(_weights, 1)') }} as _whole_part,
                _numerator % greatest(_weights, 1) as _remainder
            from (
                select
                    *,
                    cast({{ weight }} as {{ wide_integer() }}) * ({{ whole }}) as _numerator,
                    cast(sum({{ weight }}) over (partition by {{ by | join(', ') }}) as {{ wide_integer() }}) as _weights
                from {{ relation }}
            ) as _weighed
        ) as _divided
    ) as _ranked
{%- endmacro %}

{#
    A touch's claim on a part that is left over, in a number that sorts as largest remainder does: by the remainder, and
    of two equal ones the earlier touch. No two touches of a journey have the same. Null where the remainder is 0. The
    remainder is below 2 * 10^12, so that it fits 64 bits for journeys of up to four million touches.
#}
{% macro remainder_claim(remainder, position) -%}
    case when {{ remainder }} > 0 then {{ remainder }} * 4194304 - {{ position }} end
{%- endmacro %}

{# The id of a touch that is no touchpoint: its source, one of those in `touchpoint_id`, before the record's own id. #}
{% macro touch_id(touch_source, record_id) -%} '{{ touch_source }}:' || {{ record_id }} {%- endmacro %}

{#
    The id of a touchpoint: its own. Where that begins as another touch's does, or is what reports write where no touch
    earned, `touchpoint:` stands before it, so that no two touches ever have the same id.
#}
{% macro touchpoint_id(record_id) -%}
    case
        when
            split_part({{ record_id }}, ':', 1) in (
                'activity_response',
                'deal_registration',
                'partner_role',
                'referral_submission',
                'touchpoint',
                'unattributed'
            )
            then {{ touch_id('touchpoint', record_id) }}
        else {{ record_id }}
    end
{%- endmacro %}

{# The account of somebody whose customer is not known: what is known of them, `contact` or `anonymous`, before its id. #}
{% macro stranger_account(kind, record_id) -%} '{{ kind }}:' || {{ record_id }} {%- endmacro %}

{#
    The account of a customer: its id. Where that begins as a stranger's account does, `customer:` stands before it, so that
    no two accounts ever have the same id.
#}
{% macro customer_account(customer_id) -%}
    case
        when
            {{ customer_id }} like 'contact:%'
            or {{ customer_id }} like 'anonymous:%'
            or {{ customer_id }} like 'customer:%'
            then 'customer:' || {{ customer_id }}
        else {{ customer_id }}
    end
{%- endmacro %}
