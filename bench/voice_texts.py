"""Human text for bench.voice: authors, a stand-in for a base model, mixtures of the two, and cheats.

The stand-in is prose by three authors (Chekhov, Tolstoy and Turgenev in English) whose sentences are shuffled: fluent,
of no hand in particular, and harder to tell from other novelists than a real base model's text.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from scriptorium.local.demo_assets import CORPORA
from scriptorium.local.environments import DEMO
from services.evaluator.voice.features.words import count_words

FOLDER = DEMO / "packages" / CORPORA
AUTHORS = {
    "burroughs": ("problemG/*.txt",),
    "cooper": ("problemC/Ctrain01-*.txt", "problemC/Csample02.txt", "problemC/Csample03.txt"),
    "hawthorne": ("problemC/Ctrain02-*.txt", "problemC/Csample06.txt", "problemC/Csample09.txt"),
    "irving": ("problemC/Ctrain03-*.txt", "problemC/Csample01.txt"),
    "twain": ("problemC/Ctrain04-*.txt", "problemC/Csample04.txt", "problemC/Csample07.txt"),
    "crane": ("problemC/Ctrain05-*.txt", "problemC/Csample05.txt", "problemC/Csample08.txt"),
    "charlotte bronte": ("brontes/Charlotte*.txt",),
    "emily bronte": ("brontes/Emily*.txt",),
    "anne bronte": ("brontes/Anne*.txt",),
    "dostoevsky": ("russian_lit/Dostoevsky*.txt",),
    "butler": ("homer/Homer_Odyssey*.txt",),
}
BASE = ("russian_lit/Chekhov*.txt", "russian_lit/Tolstoy*.txt", "russian_lit/Turgenev*.txt")
SENTENCE = re.compile(r"(?<=[.!?])[ \n]+(?=[\"'“‘]?[A-Z])|(?<=[.!?][\"'”’])[ \n]+(?=[\"'“‘]?[A-Z])|\n\n+")
TOKEN = re.compile(r"[\w'’]+|[^\w\s]")
LOOP = 40  # words
QUOTE, EVERY = 25, 80  # words of a quotation, words from one to the next
SHORT = 120  # words of a truncated passage
STRONGEST = 5  # one in so many sentences goes into a caricature


def read_author(patterns: Sequence[str]) -> str:
    """All files of an author, hard-wrapped lines joined; a paragraph of a few words is a heading."""
    paths = [path for pattern in patterns for path in sorted(FOLDER.glob(pattern))]
    texts = (decode(path).replace("\r", "") for path in paths)
    paragraphs = [" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text)]
    return "\n\n".join(paragraph for paragraph in paragraphs if count_words(paragraph) > 5)


def decode(path: Path) -> str:
    """UTF-8 where it is, Windows' Latin otherwise."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def split_sentences(texts: Sequence[str]) -> list[str]:
    """Sentences of several texts."""
    return [part.strip() for text in texts for part in SENTENCE.split(text) if count_words(part) > 1]


def shuffle_base(chance: random.Random) -> str:
    """The stand-in for a base model."""
    sentences = split_sentences([read_author(BASE)])
    chance.shuffle(sentences)
    return " ".join(sentences)


def mix(author: Sequence[str], base: Sequence[str], share: float, words: int, chance: random.Random) -> str:
    """Sentences of both, so that `share` of the words is the author's."""
    told: list[str] = []
    total, own = 0, chance.uniform(-20, 20)  # a start that is not always on the same side
    while total < words:
        ours = share == 1 or own < share * (total + 10) - (0 if share else 1e9)
        sentence = chance.choice(author if ours else base)
        told.append(sentence)
        total += count_words(sentence)
        own += count_words(sentence) * ours
    return " ".join(told)


def loop(text: str, words: int) -> str:
    """The beginning of a text again and again."""
    begin = text.split()[:LOOP]
    return " ".join(begin * (words // LOOP + 1))


def salad(train: Sequence[str], words: int, chance: random.Random) -> str:
    """Words of the author in any order."""
    return " ".join(chance.choices(" ".join(train).split(), k=words))


def learn_pairs(train: Sequence[str]) -> Mapping[str, list[str]]:
    """What follows each word or sign."""
    tokens = TOKEN.findall(" ".join(train))
    pairs: dict[str, list[str]] = defaultdict(list)
    for one, other in pairwise(tokens):
        pairs[one].append(other)
    return pairs


def babble(pairs: Mapping[str, list[str]], words: int, chance: random.Random) -> str:
    """A walk along the author's word pairs."""
    token, told = "The", ["The"]
    while len(told) < words * 1.15:
        token = chance.choice(pairs.get(token) or pairs["the"])
        told.append(token)
    return re.sub(r" (?=[.,;:!?])", "", " ".join(told))


def quote(base: str, train: Sequence[str], chance: random.Random) -> str:
    """The base's text with quotations from the training text in it."""
    words = base.split()
    source = chance.choice(train).split()
    told: list[str] = []
    for start in range(0, len(words), EVERY):
        at = chance.randrange(max(1, len(source) - QUOTE))
        told += [*words[start : start + EVERY - QUOTE], *source[at : at + QUOTE]]
    return " ".join(told)
