with

category_sets as (
    select * from {{ ref('int_offers__category_sets') }}
),

offers as (
    select * from {{ source('statistics', 'category_offers') }}
)

select
    category_sets.customer_key,
    offers.offer_rank,
    offers.offered_category,
    offers.based_on_category,
    offers.method,
    offers.score,
    offers.count_support,
    offers.confidence,
    offers.lift,
    case
        when offers.based_on_category is null
            then
                'Popular: '
                || cast(cast(100 * offers.popularity as decimal(4, 1)) as varchar)
                || ' % of buyers have it.'
        else
            cast(cast(100 * offers.confidence as decimal(4, 1)) as varchar)
            || ' % of those who bought ' || offers.based_on_category || ' also bought it, against '
            || cast(cast(100 * offers.popularity as decimal(4, 1)) as varchar)
            || ' % of all buyers.'
    end as reason_text
from category_sets
-- Who owns everything that may be offered gets no offer.
inner join offers on category_sets.categories_owned = offers.categories_owned
