{#
    True for questions about what a customer buys for. They stand in surveys beside those about
    satisfaction, and their answers say nothing about it: an unimportant need is no bad experience.
#}
{% macro is_about_needs(dimension) -%}
    {{ dimension }} in ('functional_need', 'emotional_need', 'social_need')
{%- endmacro %}
