"""What is planted in the made-up company, and therefore known.

Everything that an analysis could try to find again stands here and is written to
truth/parameters.json as it is. Word lists are in `vocabulary`; mechanics are in the modules that
take these values.
"""

from dataclasses import dataclass, field

from samples.vocabulary import CATEGORIES

DIMENSIONS = (
    "product_quality",
    "service_quality",
    "price",
    "communication",
    "brand",
    "personal_attention",
    "convenience",
)
NEEDS = ("functional_need", "emotional_need", "social_need")


@dataclass(frozen=True)
class PurchaseProcess:
    """MBG/NBD in days: after every purchase, the first included, a customer may drop out.

    Purchase rate per day ~ Gamma(r, rate alpha); dropout probability ~ Beta(a, b)
    (Batislam, Denizel & Filiztekin 2007). Orders with status cancelled are no purchases.
    """

    r: float = 0.6
    alpha: float = 50.0
    a: float = 0.7
    b: float = 2.0
    time_unit: str = "days"


AS_WRITTEN = PurchaseProcess(r=0.605, alpha=48.5, a=0.640, b=1.908)
"""What a fit to all written purchase days finds, with the other parameters as they are here.

The effects that are planted on top of the process belong to nobody's process: the orders that the
programme, campaigns and recoveries cause come early and nobody leaves after them, which makes a and
b smaller; and two purchases of a day are one. Measured on 4.4 million customers (44 samples of
100,000; standard errors .001, .1, .002, .01), of whose orders 6 % are effects. With 20,000
customers a is found 2.3 standard errors below the process alone, with 2,000 seven tenths of one.
"""


@dataclass(frozen=True)
class Spend:
    """Gamma-Gamma: net revenue of an order ~ Gamma(p, rate nu), nu ~ Gamma(q, rate gamma).

    Independent of the purchase process (Fader & Hardie 2013); mean p * gamma / (q - 1).
    """

    p: float = 4.0
    q: float = 3.5
    gamma: float = 60.0


@dataclass(frozen=True)
class Acquisition:
    """When and from where customers come; cost per customer won is spent per channel and month."""

    history_days: int = 1095
    growth_per_year: float = 0.25  # continuous growth rate of new customers
    seasonality: tuple[float, ...] = (
        *(0.85, 0.85, 0.95, 1.0, 1.05, 0.95),
        *(0.9, 0.9, 0.95, 1.05, 1.4, 1.5),
    )  # factor on new customers, January to December
    prospect_share: float = 0.05  # registered, never bought
    organisation_share: float = 0.04
    channel_share: dict[str, float] = field(
        default_factory=lambda: {
            "organic": 0.27,
            "search": 0.24,
            "social": 0.16,
            "affiliate": 0.10,
            "referral": 0.12,
            "store": 0.11,
        }
    )
    cost_per_customer: dict[str, float] = field(
        default_factory=lambda: {
            "organic": 2.0,
            "search": 28.0,
            "social": 22.0,
            "affiliate": 18.0,
            "referral": 10.0,
            "store": 15.0,
        }
    )
    referral_conversion_rate: float = 1 / 3  # of invitations sent


@dataclass(frozen=True)
class Identity:
    """Shares of customers that make identity hard; the groups do not overlap."""

    duplicate_share: float = 0.06  # two or three records; kinds in equal parts
    third_record_share: float = 0.2  # of the customers with duplicates
    household_share: float = 0.08  # pairs with one address and family name
    shared_landline_share: float = 0.5  # of the households
    shared_mailbox_share: float = 0.004  # unrelated customers of one info@ address
    customers_per_shared_mailbox: int = 5
    placeholder_share: float = 0.005  # test@test.com and 0000000000
    email_share: float = 0.94
    phone_share: float = 0.78


@dataclass(frozen=True)
class Registration:
    """How a system writes the people it knows: shares of its records."""

    nickname: float = 0.06  # of names that have a short form
    misspelled_name: float = 0.02
    plain_letters: float = 0.3  # José as Jose
    characters: float = 0.4  # of people who may write their name in Chinese characters
    capitals: float = 0.02
    email: float = 0.96
    other_email: float = 0.06
    office_email: float = 0.2  # of people at work: the mailbox of the company
    family_email: float = 0.5  # of people whose family has a mailbox of its own
    misspelled_email: float = 0.008
    placeholder: float = 0.01  # test@test.com, and as often 0000000000
    mobile: float = 0.65
    landline: float = 0.4  # of people who have one
    birth_date: float = 0.0
    address: float = 0.9
    misspelled_street: float = 0.03
    told_of_changes: float = 0.6  # of marriages and moves while the record exists
    second_record: float = 0.015  # registered again, with the other mail address


@dataclass(frozen=True)
class People:
    """Differences between what systems know of the same people."""

    married_share: float = 0.05  # of women, who take another family name
    moved_share: float = 0.08
    family_mailbox_share: float = 0.5  # of households
    second_number_share: float = 0.3
    contacts_per_organisation: float = 1.2  # beyond the first
    subsidiary_share: float = 0.12  # of organisations
    guest_share: float = 0.22  # of online buyers: never register
    person_account_share: float = 0.1  # of persons, served by an adviser
    small_organisation_share: float = 0.3  # served by marketing's CRM
    anonymous_answer_share: float = 0.1  # of questionnaires sent by link
    merged_record_share: float = 0.015  # of records: merged away by the vendor
    registration: dict[str, Registration] = field(
        default_factory=lambda: {
            "salesforce": Registration(
                landline=0.7, birth_date=0.35, capitals=0.03, second_record=0.05
            ),
            "hubspot": Registration(nickname=0.12, address=0.5, birth_date=0.15, mobile=0.4),
            "zendesk": Registration(nickname=0.15, address=0.0, mobile=0.35, characters=0.7),
            "shopify": Registration(
                email=1.0,
                office_email=0.0,
                family_email=0.0,
                misspelled_email=0.0,
                placeholder=0.0,
                address=1.0,
            ),
            "guest": Registration(
                email=0.9, other_email=0.2, misspelled_email=0.03, misspelled_name=0.04, address=1.0
            ),
            "qualtrics": Registration(
                placeholder=0.0, address=0.0, mobile=0.0, landline=0.0, email=1.0
            ),
            "delighted": Registration(
                placeholder=0.0, nickname=0.0, address=0.0, mobile=0.2, landline=0.0
            ),
            "loyalty": Registration(birth_date=0.9, mobile=0.85, misspelled_name=0.03),
            "marketing": Registration(address=0.0, mobile=0.3, landline=0.0, office_email=0.35),
        }
    )


@dataclass(frozen=True)
class Orders:
    """Lines, delivery and money around a purchase."""

    cancelled_share: float = 0.03  # cancelled attempts per purchase
    late_share: float = 0.18
    mean_days_late: float = 2.0
    returned_share: float = 0.035
    partial_refund_share: float = 0.03
    paid_late_share: float = 0.05
    never_paid_share: float = 0.007
    anonymous_share: float = 0.06  # sales to nobody known, per sale in a store
    home_category_share: float = 0.5  # of lines; every customer has one home category
    companion_category_share: float = 0.3  # of lines; category_companions names it
    category_companions: dict[str, str] = field(
        default_factory=lambda: {c.name: c.companion for c in CATEGORIES}
    )


@dataclass(frozen=True)
class Plan:
    """A subscription; the chance to stop at a renewal ~ Beta(alpha, beta) over its customers."""

    months: int  # between payments
    price: float
    share: float  # of the subscribers
    alpha: float
    beta: float


@dataclass(frozen=True)
class Contracts:
    """Contractual customers by sBG (Fader & Hardie 2007), beside the purchase process.

    Whoever subscribes, prospects included, may also buy as before.
    """

    subscriber_share: float = 0.04  # of persons
    plans: dict[str, Plan] = field(
        default_factory=lambda: {
            "Home Care Plan, monthly": Plan(1, 14.90, 0.7, alpha=0.9, beta=7.0),
            "Home Care Plan, annual": Plan(12, 149.00, 0.3, alpha=0.8, beta=2.4),
        }
    )


@dataclass(frozen=True)
class Satisfaction:
    """Latent deviations z of the dimensions; score = round(mean + z) on 1-5.

    overall = overall_mean + sum(weight * z) + noise. A late delivery lowers three dimensions per
    day late (five days at most); the order after which a customer drops out was a worse one.
    """

    driver_weights: dict[str, float] = field(
        default_factory=lambda: dict(
            zip(DIMENSIONS, (0.30, 0.25, 0.15, 0.05, 0.05, 0.12, 0.08), strict=True)
        )
    )
    dimension_mean: float = 4.0
    dimension_sd: float = 0.9
    customer_sd: float = 0.35  # lasting attitude of a customer, part of every dimension
    overall_mean: float = 4.05
    overall_sd: float = 0.35
    per_day_late: dict[str, float] = field(
        default_factory=lambda: {
            "service_quality": -0.35,
            "communication": -0.15,
            "convenience": -0.35,
        }
    )
    before_dropout: float = -0.5  # on every dimension
    nps_mean: float = 8.2
    nps_per_point: float = 2.0  # NPS answer per point of overall deviation
    nps_sd: float = 0.9
    response_rate: float = 0.45
    per_doubling_of_resolution_days: float = -0.3  # every answer after a case


@dataclass(frozen=True)
class Needs:
    """What customers say they buy for, asked once a year as a survey of its own, 1-5.

    Answers scatter around the mean of the customer's group; groups differ in what matters most.
    """

    asked_share: float = 0.5  # of customers, per year
    group_shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    group_means: tuple[dict[str, float], ...] = (
        {"functional_need": 4.5, "emotional_need": 2.8, "social_need": 2.2},
        {"functional_need": 3.4, "emotional_need": 4.3, "social_need": 2.9},
        {"functional_need": 3.1, "emotional_need": 3.3, "social_need": 4.3},
    )
    answer_sd: float = 0.6


@dataclass(frozen=True)
class Exits:
    """Customers who dropped out of the purchase process are asked why, as survey type other."""

    response_rate: float = 0.15
    reason_shares: dict[str, float] = field(
        default_factory=lambda: {
            "purchase_behaviour": 0.12,
            "price": 0.19,
            "inconvenience": 0.12,
            "product_failure": 0.10,
            "service_failure": 0.09,
            "response_to_failure": 0.09,
            "ethics": 0.03,
            "customers_own": 0.12,
            "competitor": 0.14,
        }
    )


@dataclass(frozen=True)
class ServiceClock:
    """Cases around changes of the clock and closed days, see truth/service_clocks.csv.

    Opening hours are local, Monday to Friday; targets are in minutes of them.
    """

    count: int = 40
    time_zone: str = "America/New_York"
    opens: int = 9
    closes: int = 18
    reply_target: int = 480  # every case is answered five minutes before it or after
    resolution_target: int = 2700


@dataclass(frozen=True)
class Service:
    """Cases after orders and how long their stages take.

    A complaint is handled well when the customer was told of the solution and the case was not
    opened again: then recovery_uplift adds an order on top of the purchase process.
    """

    case_share: float = 0.05  # of orders
    case_share_per_day_late: float = 0.05  # added, five days at most
    complaint_share: float = 0.35
    complaint_share_late: float = 0.7  # when the order was late
    slower_before_dropout: float = 1.5  # factor on the stages of customers about to leave
    reopened_share: float = 0.05
    fed_back_share: float = 0.85
    recovery_uplift: float = 0.3  # chance of one more order after a complaint handled well
    recovery_days: int = 150  # in which that order is placed
    follow_up_share: float = 0.25  # of cases: the customer writes again before the solution
    cost_per_case: float = 12.0
    phone_to_chat_per_year: float = 0.08  # share of phone contacts that become chats each year
    contacts_per_year: float = 0.5  # interactions without a case, per customer


@dataclass(frozen=True)
class Campaigns:
    """Quarterly campaigns to existing customers, each with a control group.

    order_uplift is the chance that a treated customer places one more order within window_days;
    control customers place none. These orders come on top of the purchase process.
    """

    target_share: float = 0.4  # of the customers who qualify
    control_share: float = 0.15
    order_uplift: dict[str, float] = field(
        default_factory=lambda: {"retention": 0.04, "cross_sell": 0.03, "win_back": 0.02}
    )
    window_days: int = 21
    opened_share: float = 0.3
    unsubscribed_share: float = 0.005
    cost_per_contact: float = 0.12


@dataclass(frozen=True)
class Loyalty:
    """A programme joined at an order; members buy more often until they drop out.

    Frequent buyers have more occasions to join, so the plain difference between members and
    others overstates the effect; rate_uplift is what joining causes.
    """

    join_probability: float = 0.12  # at every order until joined
    rate_uplift: float = 0.2  # on the purchase rate, on top of the purchase process
    points_per_unit: int = 1
    burn_probability: float = 0.1
    days_valid: int = 365  # what the next order did not burn expires
    tiers: dict[str, int] = field(
        default_factory=lambda: {"bronze": 0, "silver": 500, "gold": 1500}
    )  # points earned in all


@dataclass(frozen=True)
class Opportunities:
    """Sales opportunities of organisations."""

    per_year: float = 1.0
    win_rate: float = 0.35
    median_days: float = 45.0


@dataclass(frozen=True)
class Parameters:
    """Everything planted, by subject."""

    purchase_process: PurchaseProcess = field(default_factory=PurchaseProcess)
    spend: Spend = field(default_factory=Spend)
    contracts: Contracts = field(default_factory=Contracts)
    acquisition: Acquisition = field(default_factory=Acquisition)
    identity: Identity = field(default_factory=Identity)
    people: People = field(default_factory=People)
    orders: Orders = field(default_factory=Orders)
    satisfaction: Satisfaction = field(default_factory=Satisfaction)
    exits: Exits = field(default_factory=Exits)
    needs: Needs = field(default_factory=Needs)
    service: Service = field(default_factory=Service)
    service_clock: ServiceClock = field(default_factory=ServiceClock)
    campaigns: Campaigns = field(default_factory=Campaigns)
    loyalty: Loyalty = field(default_factory=Loyalty)
    opportunities: Opportunities = field(default_factory=Opportunities)
