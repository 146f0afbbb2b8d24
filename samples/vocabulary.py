"""The words of the made-up company: names, places, products, comments.

Holds word lists only; how often a word is drawn is decided where it is drawn. Every mail domain
is reserved for examples (RFC 2606), so no address belongs to a real person.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Culture:
    """Name lists of one culture and its share of the customers."""

    share: float
    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CULTURES = (
    Culture(
        0.52,
        _words(
            "Mary Jennifer Linda Elizabeth Susan Jessica Sarah Karen Nancy Lisa Ashley Emily Donna "
            "Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Laura Sharon Cynthia Kathleen "
            "Amy Angela Shirley Anna Brenda Pamela Nicole Emma Samantha Katherine Christine Helen "
            "Rachel Carolyn Janet Catherine Heather Diane Olivia Julie Joyce Victoria Ruth Virginia"
        ),
        _words(
            "James Robert John Michael David William Richard Joseph Thomas Charles Christopher "
            "Daniel Matthew Anthony Mark Donald Steven Andrew Paul Joshua Kenneth Kevin Brian "
            "George Timothy Ronald Jason Edward Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan "
            "Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick Frank"
        ),
        _words(
            "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Thomas Taylor Moore "
            "Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King "
            "Wright Scott Hill Green Adams Nelson Baker Hall Campbell Mitchell Carter Roberts "
            "Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Morgan "
            "Cooper Peterson Bailey Reed Kelly Howard Ward Cox Richardson Wood Watson Brooks "
            "Bennett Gray Hughes Price Myers Long Foster Sanders Ross O'Brien O'Connor McCarthy"
        ),
    ),
    Culture(
        0.19,
        _words(
            "María Guadalupe Carmen Sofía Valentina Isabella Camila Lucía Gabriela Daniela Ana "
            "Rosa Juana Elena Paola Verónica Adriana Alejandra Mónica Beatriz"
        ),
        _words(
            "José Juan Luis Carlos Jorge Miguel Ángel Francisco Jesús Antonio Alejandro Manuel "
            "Diego Fernando Ricardo Andrés Javier Raúl Sergio Óscar"
        ),
        _words(
            "García Rodríguez Martínez Hernández López González Pérez Sánchez Ramírez Torres "
            "Flores Rivera Gómez Díaz Reyes Morales Cruz Ortiz Gutiérrez Chávez Ramos Ruiz Mendoza "
            "Álvarez Castillo Vargas Romero Jiménez Muñoz Peña"
        ),
    ),
    Culture(
        0.11,
        _words(
            "Ingrid Chloé Amélie Giulia Francesca Katarzyna Agnieszka Olga Svetlana Hélène Jutta "
            "Anneliese Birgit Zoë Noémie Chiara Małgorzata Irina Astrid Siobhán"
        ),
        _words(
            "Jürgen Wolfgang Stefan François Jean Luca Matteo Giovanni Piotr Tomasz Łukasz Dmitri "
            "Sergei Lars Bjørn Henrik Seán Niall Bartosz Klaus"
        ),
        _words(
            "Müller Schmidt Schneider Fischer Weber Dubois Lefèvre Moreau Rossi Ferrari Esposito "
            "Kowalski Nowak Wiśniewski Ivanov Petrov Hansen Jørgensen Andersson Lindström Novák "
            "Horváth Papadopoulos Byrne Gallagher"
        ),
    ),
    Culture(
        0.09,
        _words("Wei Fang Na Xiuying Min Jing Li Yan Juan Xia Ting Mei Yuting Xinyi Zihan Jiayi"),
        _words("Wei Qiang Lei Jun Yang Yong Jie Tao Chao Ming Gang Bo Haoran Zixuan Yichen Jian"),
        _words(
            "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo "
            "Zheng Liang Xie Song Tang Deng Han Feng Cao Peng"
        ),
    ),
    Culture(
        0.09,
        _words(
            "Priya Ananya Aisha Fatima Deepa Kavita Lakshmi Meera Neha Pooja Sunita Zainab Divya "
            "Shreya Anjali Rekha"
        ),
        _words(
            "Rahul Amit Arjun Vikram Sanjay Mohammed Ali Omar Ravi Suresh Anil Imran Karthik Rohan "
            "Aditya Hassan"
        ),
        _words(
            "Patel Singh Kumar Sharma Shah Khan Gupta Reddy Rao Iyer Nair Ahmed Hussain Chowdhury "
            "Mehta Desai Joshi Kapoor Malhotra Banerjee"
        ),
    ),
)
CHINESE = 3  # index into CULTURES

# Characters of the Chinese name lists above, in their order.
HAN_FEMALE = _words("薇 芳 娜 秀英 敏 静 丽 艳 娟 霞 婷 梅 雨婷 欣怡 梓涵 佳怡")
HAN_MALE = _words("伟 强 磊 军 洋 勇 杰 涛 超 明 刚 波 浩然 子轩 奕辰 健")
HAN_FAMILY = _words(
    "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 高 罗 郑 梁 谢 宋 唐 邓 韩 冯 曹 彭"
)

# Short forms in use for given names of the lists above.
NICKNAMES = {
    **{"Jennifer": "Jen", "Linda": "Lindy", "Elizabeth": "Liz", "Susan": "Sue", "Jessica": "Jess"},
    **{"Nancy": "Nan", "Ashley": "Ash", "Emily": "Em", "Michelle": "Shelly", "Amanda": "Mandy"},
    **{"Melissa": "Missy", "Deborah": "Debbie", "Stephanie": "Steph", "Rebecca": "Becky"},
    **{"Cynthia": "Cindy", "Kathleen": "Kathy", "Angela": "Angie", "Brenda": "Bren"},
    **{"Pamela": "Pam", "Nicole": "Nicky", "Samantha": "Sam", "Katherine": "Kate"},
    **{"Christine": "Chris", "Helen": "Nell", "Catherine": "Cathy", "Diane": "Di"},
    **{"Olivia": "Liv", "Victoria": "Vicky", "Virginia": "Ginny", "James": "Jim"},
    **{"Robert": "Bob", "John": "Jack", "Michael": "Mike", "David": "Dave", "William": "Bill"},
    **{"Richard": "Rick", "Joseph": "Joe", "Thomas": "Tom", "Charles": "Charlie"},
    **{"Christopher": "Chris", "Daniel": "Dan", "Matthew": "Matt", "Anthony": "Tony"},
    **{"Donald": "Don", "Steven": "Steve", "Andrew": "Andy", "Joshua": "Josh"},
    **{"Kenneth": "Ken", "Kevin": "Kev", "Timothy": "Tim", "Ronald": "Ron", "Edward": "Ted"},
    **{"Jeffrey": "Jeff", "Jacob": "Jake", "Nicholas": "Nick", "Eric": "Rick"},
    **{"Jonathan": "Jon", "Stephen": "Steve", "Larry": "Laurence", "Benjamin": "Ben"},
    **{"Samuel": "Sam", "Gregory": "Greg", "Alexander": "Alex", "Patrick": "Pat"},
    **{"Frank": "Francis", "Guadalupe": "Lupe", "Francisco": "Paco", "José": "Pepe"},
}

MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mailbox.example", "inbox.example")
SECOND_MAIL_DOMAINS = ("work.example", "studio.example", "campus.example")

STREETS = tuple(
    f"{name} {kind}"
    for name in _words(
        "Maple Oak Cedar Pine Elm Washington Lake Hill Walnut Spring North Ridge Church Willow "
        "Mill River Sunset Railroad Jackson Lincoln Franklin Cherry Highland Park Meadow Forest"
    )
    for kind in ("St", "Ave", "Rd", "Dr", "Ln")
)


@dataclass(frozen=True)
class City:
    """A city with what its addresses and phone numbers are made of."""

    name: str
    state: str
    postal_prefix: str  # first three digits of its postal codes
    area_codes: tuple[str, ...]
    tax_rate: float
    weight: float


CITIES = tuple(
    City(name, state, prefix, tuple(codes.split()), tax, weight)
    for name, state, prefix, codes, tax, weight in (
        ("New York", "NY", "100", "212 646 332", 0.08875, 8.3),
        ("Brooklyn", "NY", "112", "718 347 929", 0.08875, 2.6),
        ("Los Angeles", "CA", "900", "213 323 310", 0.095, 3.9),
        ("Chicago", "IL", "606", "312 773 872", 0.1025, 2.7),
        ("Houston", "TX", "770", "713 281 832", 0.0825, 2.3),
        ("Phoenix", "AZ", "850", "602 480 623", 0.086, 1.6),
        ("Philadelphia", "PA", "191", "215 267 445", 0.08, 1.6),
        ("San Antonio", "TX", "782", "210 726", 0.0825, 1.4),
        ("San Diego", "CA", "921", "619 858", 0.0775, 1.4),
        ("Dallas", "TX", "752", "214 469 972", 0.0825, 1.3),
        ("Austin", "TX", "787", "512 737", 0.0825, 1.0),
        ("Jacksonville", "FL", "322", "904", 0.075, 0.9),
        ("San Jose", "CA", "951", "408 669", 0.09375, 1.0),
        ("Columbus", "OH", "432", "614 380", 0.075, 0.9),
        ("Charlotte", "NC", "282", "704 980", 0.0725, 0.9),
        ("Indianapolis", "IN", "462", "317 463", 0.07, 0.9),
        ("Seattle", "WA", "981", "206", 0.1035, 0.8),
        ("Denver", "CO", "802", "303 720", 0.0881, 0.7),
        ("Boston", "MA", "021", "617 857", 0.0625, 0.7),
        ("Nashville", "TN", "372", "615 629", 0.0925, 0.7),
        ("Detroit", "MI", "482", "313", 0.06, 0.6),
        ("Portland", "OR", "972", "503 971", 0.0, 0.6),
        ("Las Vegas", "NV", "891", "702 725", 0.08375, 0.6),
        ("Memphis", "TN", "381", "901", 0.0975, 0.6),
        ("Baltimore", "MD", "212", "410 443", 0.06, 0.6),
        ("Milwaukee", "WI", "532", "414", 0.079, 0.6),
        ("Albuquerque", "NM", "871", "505", 0.07625, 0.5),
        ("Tucson", "AZ", "857", "520", 0.087, 0.5),
        ("Sacramento", "CA", "958", "916 279", 0.0875, 0.5),
        ("Kansas City", "MO", "641", "816", 0.08975, 0.5),
        ("Atlanta", "GA", "303", "404 470 678", 0.089, 0.5),
        ("Miami", "FL", "331", "305 786", 0.07, 0.5),
        ("Minneapolis", "MN", "554", "612", 0.09025, 0.4),
        ("Tampa", "FL", "336", "813", 0.075, 0.4),
        ("New Orleans", "LA", "701", "504", 0.0945, 0.4),
        ("Cleveland", "OH", "441", "216", 0.08, 0.4),
        ("Honolulu", "HI", "968", "808", 0.045, 0.3),
        ("Pittsburgh", "PA", "152", "412 878", 0.07, 0.3),
        ("Burlington", "VT", "054", "802", 0.07, 0.1),
        ("Anchorage", "AK", "995", "907", 0.0, 0.3),
    )
)

ORGANISATION_FIRST = _words(
    "Blue Granite Harbor Summit Prairie Evergreen Copper Silver Lakeside Northern Golden Juniper "
    "Beacon Cascade Pioneer Liberty Union Atlas Redwood Sterling Orchard Compass Keystone Falcon"
)
ORGANISATION_SECOND = _words(
    "Design Logistics Hospitality Dental Catering Interiors Consulting Properties Foods Events "
    "Studios Clinics Hotels Builders Partners Academy Bakery Fitness Media Supplies"
)
ORGANISATION_FORM = ("Inc", "LLC", "Co", "Group")


@dataclass(frozen=True)
class Category:
    """A product category: its six product nouns, its price range and its cost share."""

    name: str
    nouns: tuple[str, ...]
    lowest_price: float
    highest_price: float
    cost_rate: float  # unit cost / list price
    companion: str  # category that is bought together with it


CATEGORIES = tuple(
    Category(name, tuple(nouns.split("|")), low, high, cost, companion)
    for name, nouns, low, high, cost, companion in (
        ("Kitchen", "Mug|Chef Knife|Saucepan|Kettle|Blender|Stand Mixer", 6, 320, 0.52, "Dining"),
        ("Dining", "Bowl|Plate Set|Carafe|Cutlery Set|Tablecloth|Table", 5, 380, 0.48, "Kitchen"),
        ("Bedding", "Pillow|Sheet Set|Blanket|Duvet|Quilt|Mattress", 12, 480, 0.50, "Bath"),
        ("Bath", "Soap Dish|Towel|Bath Mat|Robe|Mirror|Vanity", 4, 260, 0.46, "Bedding"),
        ("Lighting", "Bulb|Desk Lamp|Lantern|Pendant|Floor Lamp|Chandelier", 5, 360, 0.55, "Decor"),
        ("Decor", "Candle|Vase|Frame|Cushion|Wall Clock|Rug", 4, 300, 0.42, "Lighting"),
        ("Garden", "Seeds|Gloves|Planter|Hose|Wheelbarrow|Mower", 3, 420, 0.58, "Outdoor"),
        ("Outdoor", "Bottle|Headlamp|Backpack|Sleeping Bag|Grill|Tent", 8, 450, 0.56, "Garden"),
        ("Office", "Notebook|Pen Set|Desk Tray|Monitor Arm|Chair|Desk", 3, 460, 0.60, "Lighting"),
        ("Pets", "Toy|Leash|Food Bowl|Bed|Carrier|Cat Tree", 3, 180, 0.54, "Garden"),
        ("Fitness", "Band|Yoga Mat|Dumbbell|Kettlebell|Bench|Rower", 6, 490, 0.57, "Outdoor"),
        ("Storage", "Hook|Basket|Box|Shelf|Cabinet|Wardrobe", 3, 340, 0.50, "Office"),
    )
)
PRODUCT_LINES = ("Basic", "Classic", "Signature")
BRANDS = _words("Northwind Alder Larkspur Fjell Marlow Tidewater Kinfolk Osprey")
