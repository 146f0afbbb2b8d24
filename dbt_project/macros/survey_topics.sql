{#
    True for questions about what a customer buys for. They stand in surveys beside those about
    satisfaction, and their answers say nothing about it: an unimportant need is no bad experience.
#}
{% macro is_about_needs(dimension) -%}
    {{ dimension }} in ('functional_need', 'emotional_need', 'social_need')
{%- endmacro %}


{#
    True for surveys that ask how satisfied somebody is. Whether he recommends, what trouble he had and
    why he leaves (type `other`) are measures of their own.
#}
{% macro is_about_satisfaction(survey_type) -%}
    {{ survey_type }} in ('csat', 'review')
{%- endmacro %}
