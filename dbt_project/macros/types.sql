{# Money in major units. Three decimals hold every currency's minor unit (0, 2 or 3); values are rounded to their own. #}
{% macro money() -%} decimal(18, 3) {%- endmacro %}

{# A rate, share or credit: a part of one. #}
{% macro fraction() -%} decimal(18, 12) {%- endmacro %}

{# A number that is neither money nor a part of one (FX rates, scores), or money before it is rounded. #}
{% macro exact() -%} decimal(28, 10) {%- endmacro %}
