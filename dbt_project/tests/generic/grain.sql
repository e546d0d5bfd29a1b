{#
    What one row is: no two rows have the same values in the columns of `key` together (nulls count as equal), and none of
    the columns of `complete` is without a value. One query a model; `problem` says which of the two a row breaks.
#}
{% test grain(model, key, complete=[]) %}

    select
        {{ key | join(', ') }},
        count(*) as row_count,
        'repeated' as problem
    from {{ model }}
    group by {{ key | join(', ') }}
    having count(*) > 1
    {% if complete %}
    union all
    select
        {{ key | join(', ') }},
        1 as row_count,
        'incomplete' as problem
    from {{ model }}
    where {{ complete | join(' is null or ') }} is null
    {% endif %}

{% endtest %}
