{# An e-mail address, lower case; null where it is none. #}
{% macro email_address(column) -%}
    case when position('@' in {{ column }}) > 1 then lower(trim({{ column }})) end
{%- endmacro %}

{# The domain of an e-mail address in lower case. #}
{% macro email_domain(email) -%} nullif(regexp_replace({{ email }}, '^.*@', ''), '') {%- endmacro %}

{# The domain of a website's address, without scheme, `www.` and path. #}
{% macro website_domain(website) -%}
    nullif(
        regexp_replace(regexp_replace(lower(trim({{ website }})), '^([a-z]+://)?(www[.])?', ''), '[/:?#].*$', ''), ''
    )
{%- endmacro %}
