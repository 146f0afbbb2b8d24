{#
    What a customer is expected to spend per purchase: p (gamma + x m) / (p x + q - 1) (Fader & Hardie
    2013, eq. 5), from the one row of statistics.spend_model. A mean that is not positive, and that of a
    one-time buyer, says nothing. Where the model is not usable the own mean is shrunk to the observed
    one by the weight of a single purchase. The same formula in Python: models/value/gamma_gamma.py.
#}
{% macro expected_spend(frequency, mean_spend, model) -%}
    {%- set count = "case when " ~ mean_spend ~ " > 0 then " ~ frequency ~ " else 0 end" -%}
    case
        when {{ model }}.is_usable
            then
                {{ model }}.p * ({{ model }}.gamma + ({{ count }}) * {{ mean_spend }})
                / ({{ model }}.p * ({{ count }}) + {{ model }}.q - 1)
        else
            ({{ model }}.observed_mean + ({{ count }}) * {{ mean_spend }}) / (1 + ({{ count }}))
    end
{%- endmacro %}
