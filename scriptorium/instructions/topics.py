"""The topics of the instructions: plain things, and the sentences with which a request opens."""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """A thing as a sentence names it, its bare noun, and three nouns that belong to it."""

    thing: str
    noun: str
    related: tuple[str, str, str]


TOPICS = (
    Topic("a lighthouse", "lighthouse", ("lamp", "coast", "storm")),
    Topic("a bakery", "bakery", ("flour", "oven", "morning")),
    Topic("a bicycle", "bicycle", ("wheel", "road", "brake")),
    Topic("a village school", "school", ("teacher", "bell", "desk")),
    Topic("a railway station", "station", ("platform", "ticket", "clock")),
    Topic("a herb garden", "garden", ("mint", "soil", "bee")),
    Topic("a public library", "library", ("shelf", "reader", "card")),
    Topic("a fishing boat", "boat", ("net", "harbour", "tide")),
    Topic("a weekly market", "market", ("stall", "price", "basket")),
    Topic("a stone bridge", "bridge", ("arch", "river", "mason")),
    Topic("a mountain hut", "hut", ("path", "snow", "stove")),
    Topic("a piano", "piano", ("key", "string", "tune")),
    Topic("a post office", "office", ("letter", "stamp", "parcel")),
    Topic("an orchard", "orchard", ("apple", "ladder", "autumn")),
    Topic("a pottery", "pottery", ("clay", "kiln", "bowl")),
    Topic("a town museum", "museum", ("coin", "guide", "hall")),
    Topic("a windmill", "windmill", ("sail", "grain", "hill")),
    Topic("a dairy farm", "farm", ("cow", "milk", "barn")),
    Topic("a theatre", "theatre", ("stage", "curtain", "actor")),
    Topic("a city park", "park", ("bench", "pond", "tree")),
    Topic("a watchmaker", "watchmaker", ("spring", "lens", "patience")),
    Topic("a swimming pool", "pool", ("water", "lane", "towel")),
    Topic("a campfire", "campfire", ("wood", "smoke", "story")),
    Topic("a ferry", "ferry", ("deck", "captain", "island")),
    Topic("a weather station", "weather", ("wind", "gauge", "cloud")),
    Topic("a tailor", "tailor", ("cloth", "needle", "coat")),
    Topic("a beehive", "beehive", ("honey", "queen", "wax")),
    Topic("a chess club", "chess", ("board", "knight", "rival")),
    Topic("a printing press", "press", ("ink", "paper", "type")),
    Topic("a greenhouse", "greenhouse", ("glass", "tomato", "warmth")),
    Topic("a lakeside cabin", "cabin", ("porch", "canoe", "evening")),
)
TASKS = (
    "Describe {thing}.",
    "Tell a friend about {thing}.",
    "Write a short note about {thing}.",
    "Explain to a child what {thing} is.",
    "Say what is interesting about {thing}.",
)


def opening_sentence(topic: Topic, turn: int) -> str:
    """Return the first sentence of a request."""
    return TASKS[turn % len(TASKS)].format(thing=topic.thing)
