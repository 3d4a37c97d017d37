"""What is said in the demo's chats, and how the chatbot sums one up. No names, no contact data."""

from __future__ import annotations

import random
from typing import Final

_GREETINGS: Final = (
    (
        "Hi, is anybody there?",
        "Hello and welcome to {property_name}! I am the leasing assistant. How can I help?",
    ),
    ("Hello! I found {property_name} online.", "Great to meet you! Are you looking for a new apartment?"),
    ("Do you have anything available?", "We do! What size of home are you looking for at {property_name}?"),
    ("I am looking for an apartment.", "You are in the right place. When would you like to move in?"),
)
_TOPICS: Final = (
    (
        "What {beds} floor plans do you have?",
        "Our {beds} homes come in three layouts, from {feet} square feet. All have a washer and dryer.",
    ),
    (
        "How much is a {beds}?",
        "A {beds} starts at ${low} a month and goes up to ${high}, depending on floor and view.",
    ),
    (
        "Are pets welcome? I have {pet}.",
        "Yes! We welcome up to two pets a home; there is a one-time fee and a small monthly pet rent.",
    ),
    (
        "Is parking included?",
        "Each home comes with one surface space. Covered parking can be had for $45 a month.",
    ),
    (
        "How long are the leases?",
        "Most people take 12 months; 6, 9 and 15 months are possible, at slightly different rents.",
    ),
    (
        "What utilities do I pay?",
        "You pay electricity and internet. Water, sewer and trash are a flat fee on your statement.",
    ),
    (
        "Do you have a gym or a pool?",
        "Both! The pool is open from May to September, the gym around the clock.",
    ),
    ("Can I move in next month?", "We have two {beds} homes that are ready within four weeks."),
)
_CLOSINGS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "tour_scheduled": (
        ("Can I come by and see one?", "Of course! I have put you down for a tour. See you then!"),
        ("I would like to book a tour.", "Your tour is booked. Please bring a photo ID."),
    ),
    "application": (
        ("I would like to apply.", "Wonderful! I have sent you the application; it takes some 15 minutes."),
    ),
    "leased": (("I just signed the lease!", "Congratulations, and welcome home to {property_name}!"),),
    "lost": (
        (
            "Thanks, but we found another place.",
            "Thank you for letting me know. All the best in your new home!",
        ),
        ("That is over my budget, sorry.", "I understand. I am here if your plans change."),
    ),
}
_BEDS: Final = ("studio", "one-bedroom", "two-bedroom", "three-bedroom")
_PETS: Final = ("a cat", "a small dog", "two cats", "a Labrador")
_INTENTS: Final[dict[str, str]] = {
    "new": "First questions about a {beds} home.",
    "contacted": "Asked about {beds} floor plans and pricing; open to hearing more.",
    "qualified": "Wants a {beds} home within {weeks} weeks, budget up to ${high} a month; fits the criteria.",
    "tour_scheduled": "Wants to tour a {beds} home; budget up to ${high} a month.",
    "application": "Toured a {beds} home, liked it and is applying.",
    "leased": "Has taken a {beds} home; asked about move-in day.",
    "lost": "Asked about a {beds} home, then went elsewhere.",
}
_JUST_CHATTING: Final = "General questions; no interest in renting yet."


class Topic:
    """What one chat is about; its figures are the same in the messages, the summary and the row."""

    def __init__(self, dice: random.Random) -> None:
        bedrooms = dice.randrange(4)
        self.low = 950 + 350 * bedrooms + 25 * dice.randrange(8)
        self.high = self.low + 25 * dice.randrange(4, 16)
        self.pet = dice.choice(_PETS) if dice.random() < 0.4 else None
        self._words = {
            "beds": _BEDS[bedrooms],
            "feet": 480 + 230 * bedrooms,
            "low": f"{self.low:,}",
            "high": f"{self.high:,}",
            "pet": self.pet or "no pets yet",
            "weeks": dice.choice((3, 4, 6, 8)),
        }

    def summary(self, lead_status: str | None) -> str:
        """The chatbot's one-line summary of the intent; None is a chat of somebody who is no lead."""
        return _INTENTS[lead_status].format(**self._words) if lead_status else _JUST_CHATTING

    def messages(
        self, property_name: str, lead_status: str | None, dice: random.Random
    ) -> list[tuple[str, str]]:
        """Two to eight messages as (sender_type, text), the visitor first."""
        turns = [dice.choice(_GREETINGS)]
        closing = _CLOSINGS.get(lead_status or "")
        turns += dice.sample(_TOPICS, dice.randint(0, 2 if closing else 3))
        if closing:
            turns.append(dice.choice(closing))
        spoken = []
        for question, answer in turns:
            spoken.append(("user", question.format(property_name=property_name, **self._words)))
            spoken.append(("bot", answer.format(property_name=property_name, **self._words)))
        return spoken
