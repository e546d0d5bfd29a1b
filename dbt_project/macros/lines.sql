{# The line of a record in its file: a file of the drop is one load, and a CSV file begins with its header. #}
{% macro line_in_file(file, row) -%}
    {{ row }} + case when lower({{ file }}) like '%.csv' then 1 else 0 end
{%- endmacro %}
