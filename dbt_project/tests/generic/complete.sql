{# Rows in which one of the columns has no value: one query a model instead of one a column. #}
{% test complete(model, columns) %}

select *
from {{ model }}
where
    {% for column in columns -%}
    {{ column }} is null{{ '' if loop.last else ' or ' }}
    {%- endfor %}

{% endtest %}
