{# Wholes (groups of rows with the same values in `whole`) whose shares do not sum to exactly 1. #}
{% test shares_sum_to_one(model, share, whole) %}

    select
        {{ whole | join(', ') }},
        sum({{ share }}) as total
    from {{ model }}
    group by {{ whole | join(', ') }}
    having sum({{ share }}) <> 1

{% endtest %}
