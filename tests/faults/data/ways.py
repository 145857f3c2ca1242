"""Ways to spoil a passage: each takes clean paragraphs and gives them back spoilt."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Paragraphs = list[str]
Spoil = Callable[[Paragraphs, random.Random], Paragraphs]


def insert(*texts: str) -> Spoil:
    """Paragraphs put between two others, one of them, chosen by chance."""

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        at = chance.randrange(1, len(paragraphs))
        return [*paragraphs[:at], chance.choice(texts), *paragraphs[at:]]

    return spoil


def say(*texts: str) -> Spoil:
    """Words put after a sentence in the middle of a long paragraph."""

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        at = chance.choice(longest(paragraphs))
        stops = [match.end() for match in re.finditer(r"[a-z]\. ", paragraphs[at])] or [len(paragraphs[at])]
        stop = chance.choice(stops)
        spoilt = f"{paragraphs[at][:stop]} {chance.choice(texts)} {paragraphs[at][stop:]}"
        return [*paragraphs[:at], spoilt, *paragraphs[at + 1 :]]

    return spoil


def words(change: Callable[[str, random.Random], str], share: float) -> Spoil:
    """A share of the words of the long paragraphs changed."""

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        chosen = longest(paragraphs)
        return [
            " ".join(change(word, chance) if chance.random() < share else word for word in paragraph.split(" "))
            if index in chosen
            else paragraph
            for index, paragraph in enumerate(paragraphs)
        ]

    return spoil


def each(change: Callable[[str], str]) -> Spoil:
    """Every paragraph changed."""
    return lambda paragraphs, _: [change(paragraph) for paragraph in paragraphs]


def longest(paragraphs: Paragraphs) -> list[int]:
    """The indexes of the three longest paragraphs."""
    return sorted(range(len(paragraphs)), key=lambda index: -len(paragraphs[index]))[:3]


def swap_signs(word: str, chance: random.Random) -> str:
    """A letter read as a digit or sign, as scanners do."""
    swaps = [(a, b) for a, b in ("l1", "o0", "e^", "s5", "b6") if a in word[1:-1]]
    if not swaps or not word.isalpha():
        return word
    letter, sign = chance.choice(swaps)
    return word[0] + word[1:-1].replace(letter, sign) + word[-1]


def double_encode(text: str) -> str:
    """Mojibake with a byte lost, which cannot be undone."""
    return text.replace(".", "â€.").replace("and", "andÃ")


def shuffle_letters(word: str, chance: random.Random) -> str:
    """A word that is none."""
    letters = list(word)
    chance.shuffle(letters)
    return "".join(letters) if word.isalpha() and len(word) > 2 else word


def join_words(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """Spaces lost in the longest paragraph."""
    at = longest(paragraphs)[0]
    parts = paragraphs[at].split(" ")
    start = chance.randrange(max(1, len(parts) - 12))
    joined = [
        *parts[:start],
        "".join(re.sub(r"\W", "", part) for part in parts[start : start + 12]),
        *parts[start + 12 :],
    ]
    return [*paragraphs[:at], " ".join(joined), *paragraphs[at + 1 :]]


def cut_last(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """The last sentence broken off."""
    kept = paragraphs[longest(paragraphs)[0]].split()
    return [*paragraphs, " ".join(kept[: chance.randrange(12, 24)]).rstrip(".,;:!?\"'") + " the"]


def cut_first(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """The first sentence without its beginning."""
    return ["of which he had never spoken to any of them before.", *paragraphs]


def loop(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """A generator that got stuck."""
    chosen = [paragraphs[index] for index in longest(paragraphs)]
    sentence = chance.choice(re.findall(r"[A-Z][^.!?]{40,200}[.!?]", " ".join(chosen)) or [chosen[0]])
    return [*paragraphs[:2], " ".join([sentence] * 60), *paragraphs[2:3]]


def template(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """Sentences from one mould."""
    nouns = sorted(set(re.findall(r"\b[a-z]{5,9}\b", " ".join(paragraphs))))
    mould = [f"She could feel {a} and the {b} in it." for a, b in (chance.sample(nouns, 2) for _ in range(60))]
    return [*paragraphs[:1], " ".join(mould)]


def disorder(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """The letters of every word in another order."""
    return [" ".join(shuffle_letters(word, chance) for word in text.split(" ")) for text in paragraphs]


def hyphenate(word: str, _: random.Random) -> str:
    """A word as it was cut at the end of a line that is gone."""
    return f"{word[:3]}- {word[3:]}" if word.isalpha() and word.islower() and len(word) > 5 else word


def list_names(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """An index at the end of a book."""
    surnames = ("Adams", "Brown", "Clark", "Davis", "Evans", "Frank", "Green", "Harris")
    places = ("Boston", "Salem", "York", "Albany", "Trenton", "Dover")
    names = (f"{chance.choice(surnames)} {chance.choice(places)} {chance.randrange(300)}" for _ in range(50))
    return [*paragraphs[:2], ", ".join(names), *paragraphs[2:]]


def list_goods(line: str) -> Spoil:
    """Rows of a table between two paragraphs."""
    goods = ("Flour", "Sugar", "Rope", "Tar", "Salt", "Oil")

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        rows = [line.format(name=name, price=chance.randrange(10, 99)) for name in goods]
        return [*paragraphs[:2], *rows, *paragraphs[2:]]

    return spoil


def shout(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Some paragraphs in capitals."""
    return [*paragraphs[:1], " ".join(paragraphs[1:4]).upper(), *paragraphs[4:]]


def unjoin(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Every line a paragraph of its own."""
    return re.findall(r"(?:\S+ ){5,8}", re.sub(r"[.!?]", "", " ".join(paragraphs)))


def count_words(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """Numbers for small words."""
    return [re.sub(r"\b(?:the|and|of|to)\b", lambda _: str(chance.randrange(1000)), text) for text in paragraphs]


def lengthen(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """A passage four times as long."""
    return disorder(paragraphs * 4, chance)


def repeat_line(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """One line after each paragraph."""
    return [part for text in paragraphs for part in (text, *["He looked at her and said nothing."] * 2)]
