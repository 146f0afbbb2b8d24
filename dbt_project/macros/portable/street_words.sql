{#
    A street of Latin lower-case words (`latin_text`) with those in one spelling that are written in
    several ways: 1 saint lee street is 1 st lee st.
#}
{% macro street_in_short(street) -%}
    {%- set short = {
        'street': 'st', 'saint': 'st', 'avenue': 'ave', 'av': 'ave', 'road': 'rd', 'drive': 'dr',
        'lane': 'ln', 'boulevard': 'blvd', 'blv': 'blvd', 'court': 'ct', 'place': 'pl',
        'square': 'sq', 'highway': 'hwy', 'parkway': 'pkwy', 'terrace': 'ter', 'circle': 'cir',
        'crescent': 'cres', 'close': 'cl', 'strasse': 'str', 'north': 'n', 'south': 's',
        'east': 'e', 'west': 'w', 'suite': 'ste', 'apartment': 'apt', 'floor': 'fl',
        'first': '1st', 'second': '2nd', 'third': '3rd', 'fourth': '4th', 'fifth': '5th',
        'sixth': '6th', 'seventh': '7th', 'eighth': '8th', 'ninth': '9th', 'tenth': '10th',
    } -%}
    array_to_string(
        list_transform(
            string_split({{ street }}, ' '),
            lambda word: case word
                {%- for word, written in short.items() %}
                when '{{ word }}' then '{{ written }}'
                {%- endfor %}
                else word
            end
        ),
        ' '
    )
{%- endmacro %}
