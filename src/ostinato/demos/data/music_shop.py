"""Some hundred short dialogues at the counter of a music shop, made of templates: for first steps and demonstrations.

Written for this package; there is no such shop.
"""

import random
from typing import NamedTuple

from ostinato.data.dialogues import Dialogue, Dialogues

DESCRIPTION = (
    "short dialogues at the counter of a music shop (prices, repairs, lessons, opening hours, small talk), made of "
    "templates, so that those kept for scoring are much like those to learn from"
)
SOURCE = "written for this package; there is no such shop"

GUEST, SHOP = "guest", "shop"


class _Instrument(NamedTuple):
    price: int
    rent: int
    teacher: str
    day: str
    part: str
    repair: int


_INSTRUMENTS = {
    "violin": _Instrument(240, 15, "Ms Adler", "Monday", "bow", 3),
    "cello": _Instrument(690, 30, "Ms Adler", "Tuesday", "bridge", 5),
    "guitar": _Instrument(150, 10, "Mr Costa", "Wednesday", "neck", 6),
    "piano": _Instrument(2900, 60, "Ms Nagy", "Thursday", "pedal", 10),
    "flute": _Instrument(320, 18, "Mr Okoye", "Friday", "key", 2),
    "clarinet": _Instrument(380, 20, "Mr Okoye", "Saturday", "reed", 1),
    "trumpet": _Instrument(290, 16, "Ms Brandt", "Monday", "valve", 4),
    "drum kit": _Instrument(450, 25, "Mr Silva", "Friday", "pedal", 2),
    "harp": _Instrument(3400, 75, "Ms Nagy", "Wednesday", "string", 7),
    "ukulele": _Instrument(60, 5, "Mr Costa", "Saturday", "tuner", 1),
}

_HOURS = {
    "Monday": "from ten to six",
    "Tuesday": "from ten to six",
    "Wednesday": "from ten to six",
    "Thursday": "from noon to nine",
    "Friday": "from ten to six",
    "Saturday": "from nine to four",
}

_WEATHER = {
    "It is raining again.": "Then keep the case shut: wood does not like rain.",
    "It is so hot today.": "Yes, come in, the shop is cool. Heat is bad for strings as well.",
    "What cold weather!": "Let your instrument warm up slowly before you play it.",
    "Nice weather today.": "It is! A good day to play outside.",
}

_GREETINGS = {
    "Hello.": "Hello, how can I help you?",
    "Hi!": "Hi! What can I do for you?",
    "Good morning.": "Good morning! How can I help you?",
    "Good evening.": "Good evening! How can I help you?",
    "How are you?": "Very well, thank you. And you?",
    "Are you a robot?": "I am a small recurrent network, and I only know this shop.",
    "What is your name?": "I have no name. I answer questions about this shop.",
}

_FAREWELLS = {
    "Thank you.": ("You are welcome.", "My pleasure."),
    "Thanks a lot!": ("You are welcome, come again!",),
    "Goodbye.": ("Goodbye, and play well!",),
    "Bye!": ("Bye, see you soon!",),
}

Turns = list[tuple[str, str]]


def music_shop(count: int = 600, seed: int = 0) -> Dialogues:
    """Dialogues of a guest and the shop, of one to three questions each.

    Args:
        count: How many.
        seed: Of the draw.

    Example:
        >>> from ostinato.demos.data import music_shop
        >>> dialogues = music_shop(count=3)
        >>> len(dialogues)
        3
    """
    draw = random.Random(seed)
    return Dialogues(tuple(_dialogue(draw) for _ in range(count)), "the dialogues of the music shop")


def _dialogue(draw: random.Random) -> Dialogue:
    turns: Turns = []
    if draw.random() < 0.5:
        turns.append(draw.choice(list(_GREETINGS.items())))
    topics = draw.sample([_price, _repair, _lesson, _hours, _place, _weather], draw.randint(1, 2))
    turns += [turn for topic in topics for turn in topic(draw)]
    if draw.random() < 0.5:
        said, replies = draw.choice(list(_FAREWELLS.items()))
        turns.append((said, draw.choice(replies)))
    texts = tuple(text for turn in turns for text in turn)
    return Dialogue(texts, (GUEST, SHOP) * len(turns), topics[0].__name__.removeprefix("_"))


def _price(draw: random.Random) -> Turns:
    name = draw.choice(list(_INSTRUMENTS))
    it = _INSTRUMENTS[name]
    said = draw.choice(("How much is a {}?", "What does a {} cost?", "I am looking for a {}.", "Do you sell a {}?"))
    reply = draw.choice(("A {} begins at {} euros.", "We have a {} from {} euros on."))
    turns = [(said.format(name), reply.format(name, it.price))]
    if draw.random() < 0.6:
        said = draw.choice(("Can I rent one?", "And to rent it?", "That is too much. Can I rent it?"))
        turns.append((said, f"Yes, a {name} is {it.rent} euros a month."))
    return turns


def _repair(draw: random.Random) -> Turns:
    name = draw.choice(list(_INSTRUMENTS))
    it = _INSTRUMENTS[name]
    said = draw.choice(("The {1} of my {0} is broken.", "Can you mend the {1} of a {0}?", "I broke my {0}'s {1}."))
    turns = [(said.format(name, it.part), f"Bring your {name} in, and we look at the {it.part}.")]
    if draw.random() < 0.6:
        days = "one day" if it.repair == 1 else f"{it.repair} days"
        said = draw.choice(("How long does it take?", "When is it ready?"))
        turns.append((said, f"A new {it.part} for a {name} takes {days}."))
    return turns


def _lesson(draw: random.Random) -> Turns:
    name = draw.choice(list(_INSTRUMENTS))
    it = _INSTRUMENTS[name]
    said = draw.choice(("Do you give {} lessons?", "I want to learn the {}.", "Who teaches the {} here?"))
    turns = [(said.format(name), f"{it.teacher} teaches the {name} on {it.day}s.")]
    if draw.random() < 0.6:
        said, reply = draw.choice(
            (
                ("How much is a lesson?", "A lesson is 25 euros, and the first one is free."),
                ("Is it hard to learn?", f"The {name} takes patience: ten minutes a day will do."),
                ("Can I try it first?", f"Of course, come on a {it.day} and try the {name}."),
            )
        )
        turns.append((said, reply))
    return turns


def _hours(draw: random.Random) -> Turns:
    day = draw.choice([*_HOURS, "Sunday"])
    said = draw.choice(("Are you open on {}?", "When do you open on {}?", "What are your hours on {}?")).format(day)
    if day == "Sunday":
        return [(said, "No, on Sundays we are closed.")]
    return [(said, f"On {day}s we are open {_HOURS[day]}.")]


def _place(draw: random.Random) -> Turns:
    turns = [(draw.choice(("Where are you?", "How do I find you?")), "We are at 7 Canal Street, behind the station.")]
    if draw.random() < 0.5:
        turns.append(("Can I park there?", "Yes, there is room for three cars in the yard."))
    return turns


def _weather(draw: random.Random) -> Turns:
    return [draw.choice(list(_WEATHER.items()))]
