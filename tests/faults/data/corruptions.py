"""Corruptions of a passage: each function takes clean paragraphs and returns them spoilt."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Paragraphs = list[str]
Spoil = Callable[[Paragraphs, random.Random], Paragraphs]


def insert_paragraph(*texts: str) -> Spoil:
    """Insert one of the texts, chosen at random, as a paragraph between two others."""

    def spoil(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
        at = rng.randrange(1, len(paragraphs))
        return [*paragraphs[:at], rng.choice(texts), *paragraphs[at:]]

    return spoil


def insert_sentence(*texts: str) -> Spoil:
    """Insert one of the texts after a sentence in the middle of a long paragraph."""

    def spoil(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
        at = rng.choice(find_longest(paragraphs))
        stops = [match.end() for match in re.finditer(r"[a-z]\. ", paragraphs[at])] or [len(paragraphs[at])]
        stop = rng.choice(stops)
        spoilt = f"{paragraphs[at][:stop]} {rng.choice(texts)} {paragraphs[at][stop:]}"
        return [*paragraphs[:at], spoilt, *paragraphs[at + 1 :]]

    return spoil


def change_words(change: Callable[[str, random.Random], str], share: float) -> Spoil:
    """Change a share of the words of the longest paragraphs."""

    def spoil(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
        chosen = find_longest(paragraphs)
        return [
            " ".join(change(word, rng) if rng.random() < share else word for word in paragraph.split(" "))
            if index in chosen
            else paragraph
            for index, paragraph in enumerate(paragraphs)
        ]

    return spoil


def change_paragraphs(change: Callable[[str], str]) -> Spoil:
    """Change every paragraph."""
    return lambda paragraphs, _: [change(paragraph) for paragraph in paragraphs]


def find_longest(paragraphs: Paragraphs) -> list[int]:
    """Return the indexes of the three longest paragraphs."""
    return sorted(range(len(paragraphs)), key=lambda index: -len(paragraphs[index]))[:3]


def swap_signs(word: str, rng: random.Random) -> str:
    """Replace a letter by a digit or sign, as OCR does."""
    swaps = [(a, b) for a, b in ("l1", "o0", "e^", "s5", "b6") if a in word[1:-1]]
    if not swaps or not word.isalpha():
        return word
    letter, sign = rng.choice(swaps)
    return word[0] + word[1:-1].replace(letter, sign) + word[-1]


def double_encode(text: str) -> str:
    """Make mojibake with a byte lost, which cannot be repaired."""
    return text.replace(".", "â€.").replace("and", "andÃ")


def shuffle_letters(word: str, rng: random.Random) -> str:
    """Shuffle the letters of a word."""
    letters = list(word)
    rng.shuffle(letters)
    return "".join(letters) if word.isalpha() and len(word) > 2 else word


def join_words(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Remove the spaces of twelve words in the longest paragraph."""
    at = find_longest(paragraphs)[0]
    parts = paragraphs[at].split(" ")
    start = rng.randrange(max(1, len(parts) - 12))
    joined = [
        *parts[:start],
        "".join(re.sub(r"\W", "", part) for part in parts[start : start + 12]),
        *parts[start + 12 :],
    ]
    return [*paragraphs[:at], " ".join(joined), *paragraphs[at + 1 :]]


def cut_last(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """End with a sentence that is broken off."""
    words = paragraphs[find_longest(paragraphs)[0]].split()
    return [*paragraphs, " ".join(words[: rng.randrange(12, 24)]).rstrip(".,;:!?\"'") + " the"]


def cut_first(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Begin with a sentence that has lost its beginning."""
    return ["of which he had never spoken to any of them before.", *paragraphs]


def write_loop(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Repeat a sentence sixty times, as a stuck generator does."""
    chosen = [paragraphs[index] for index in find_longest(paragraphs)]
    sentence = rng.choice(re.findall(r"[A-Z][^.!?]{40,200}[.!?]", " ".join(chosen)) or [chosen[0]])
    return [*paragraphs[:2], " ".join([sentence] * 60), *paragraphs[2:3]]


def write_template(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Write sixty sentences from one template."""
    nouns = sorted(set(re.findall(r"\b[a-z]{5,9}\b", " ".join(paragraphs))))
    sentences = [f"She could feel {a} and the {b} in it." for a, b in (rng.sample(nouns, 2) for _ in range(60))]
    return [*paragraphs[:1], " ".join(sentences)]


def disorder_letters(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Shuffle the letters of every word."""
    return [" ".join(shuffle_letters(word, rng) for word in text.split(" ")) for text in paragraphs]


def hyphenate(word: str, _: random.Random) -> str:
    """Hyphenate a word as at the end of a line that is gone."""
    return f"{word[:3]}- {word[3:]}" if word.isalpha() and word.islower() and len(word) > 5 else word


def insert_index(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Insert an index of names, as at the end of a book."""
    surnames = ("Adams", "Brown", "Clark", "Davis", "Evans", "Frank", "Green", "Harris")
    towns = ("Boston", "Salem", "York", "Albany", "Trenton", "Dover")
    names = (f"{rng.choice(surnames)} {rng.choice(towns)} {rng.randrange(300)}" for _ in range(50))
    return [*paragraphs[:2], ", ".join(names), *paragraphs[2:]]


def insert_table(line: str) -> Spoil:
    """Insert the rows of a table between two paragraphs."""
    goods = ("Flour", "Sugar", "Rope", "Tar", "Salt", "Oil")

    def spoil(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
        rows = [line.format(name=name, price=rng.randrange(10, 99)) for name in goods]
        return [*paragraphs[:2], *rows, *paragraphs[2:]]

    return spoil


def capitalise(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Write some paragraphs in capitals."""
    return [*paragraphs[:1], " ".join(paragraphs[1:4]).upper(), *paragraphs[4:]]


def split_lines(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Make every line a paragraph."""
    return re.findall(r"(?:\S+ ){5,8}", re.sub(r"[.!?]", "", " ".join(paragraphs)))


def replace_by_numbers(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Replace small words by numbers."""
    return [re.sub(r"\b(?:the|and|of|to)\b", lambda _: str(rng.randrange(1000)), text) for text in paragraphs]


def lengthen(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Make a passage four times as long."""
    return disorder_letters(paragraphs * 4, rng)


def repeat_line(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Insert one line twice after each paragraph."""
    return [part for text in paragraphs for part in (text, *["He looked at her and said nothing."] * 2)]
