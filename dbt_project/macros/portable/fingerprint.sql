{#
    A number that stands for all of the values together: equal for equal values within one version of
    the engine, which is all that rows kept from the build before need.
#}
{% macro fingerprint(columns) -%} hash({{ columns | join(', ') }}) {%- endmacro %}


{# The same for a set of numbers that fingerprints are, whatever their order. #}
{% macro fingerprint_of_all(column) -%} bit_xor({{ column }}) {%- endmacro %}
