"""Delighted: recommendation (NPS) and reviews (stars) of everybody but small organisations.

One row per answer with the person it came from; the order stands in the person's properties.
"""

import numpy as np
import pyarrow.compute as pc

from samples.draws import stream
from samples.registrations import register
from samples.systems.exporting import NO_ORDERS, Export, System, identities, with_columns
from samples.systems.ids import spaced
from samples.systems.landscape import Landscape, column, first_instants

EXPORTS = (
    Export(
        "responses",
        "{date}/delighted_{date}.csv",
        """
        select
            response_id as "id",
            person_id as "person",
            email as "email",
            concat_ws(' ', given, if(seen(renamed_at) is null, family, new_family)) as "name",
            if(survey = 'nps', 'nps', 'stars') as "survey_type",
            score as "score",
            comment as "comment",
            'https://delighted.example/r/' || response_id as "permalink",
            utc_z(responded_at) as "created_at",
            utc_z(responded_at) as "updated_at",
            json_object('Delighted Source', 'Email', 'order_id', order_name) as "person_properties",
            if(score <= 6 and survey = 'nps', 'detractor', null) as "tags"
        from answers join people using (person_number)
        where is_new(seen(responded_at))
        order by responded_at, response_id
        """,
    ),
)


def delighted_system(landscape: Landscape) -> System:
    """Make what Delighted holds."""
    content = landscape.surveys_of("delighted")
    content = content.filter(pc.is_valid(content["responded_at"]))
    actor = landscape.actors("delighted", column(content, "person"))
    responded_at = column(content, "responded_at")
    first = first_instants(landscape.persons.count, actor, responded_at)
    person = np.unique(actor)
    records = register(
        stream(landscape.seed, "delighted"),
        landscape.persons,
        person,
        first[person],
        landscape.company.parameters.people.registration["delighted"],
        mailbox_is_key=True,
    )
    numbers = np.arange(1, records.count + 1)
    ids = spaced(730_000_000, 17, numbers)
    return System(
        name="delighted",
        exports=EXPORTS,
        tables={
            "answers": with_columns(
                content.drop_columns(["person"]),
                response_id=spaced(510_000_000, 13, column(content, "response_number")),
                person_number=records.at(actor, responded_at) + 1,
                order_name=landscape.order_names().take(landscape.order_entries(content)),
            ),
            "people": records.as_table(person_number=numbers, person_id=ids),
        },
        identities=identities(
            source_object="responses",
            record=ids,
            person=records.person,
            known_at=records.created_at,
        ),
        orders=NO_ORDERS,
    )
