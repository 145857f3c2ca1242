"""Human text for bench.voice: authors, a stand-in for a base model, mixtures of the two, and cheats.

The stand-in is prose by three authors (Chekhov, Tolstoy and Turgenev in English; Greville, Malot and Ohnet in French)
whose sentences are shuffled: fluent, in no particular author's style, and harder to tell from other novelists than a
real base model's text. The French targets, Dumas and Hugo, come with the demo's package; of the others it has no
novels, so bench/novels/fr has some of each.
"""

from __future__ import annotations

import lzma
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scriptorium.local.environments import DEMO
from scriptorium.local.impostors import CORPORA
from scriptorium.text.words import count_words

FOLDERS = (DEMO / "packages" / CORPORA, Path(__file__).with_name("novels"))
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
FRENCH_AUTHORS = {
    "dumas": (  # in this order a novel and a journey are trained on, and others of both are held out
        *("problemI/Itrain01-01.txt", "problemI/Itrain01-03.txt"),
        *("problemI/Itrain01-02.txt", "problemI/Isample02.txt", "problemI/Isample03.txt"),
    ),
    "hugo": ("problemI/Itrain02-01.txt", "problemI/Itrain02-02.txt", "problemI/Isample01.txt"),
    **{name: (f"fr/{name}.txt.xz",) for name in ("balzac", "feval", "flaubert", "gautier", "sand", "verne")},
}
FRENCH_BASE = ("fr/greville.txt.xz", "fr/malot.txt.xz", "fr/ohnet.txt.xz")
SENTENCE = re.compile(r"(?<=[.!?])[ \n]+(?=[\"'“‘]?[A-Z])|(?<=[.!?][\"'”’])[ \n]+(?=[\"'“‘]?[A-Z])|\n\n+")
TOKEN = re.compile(r"[\w'’]+|[^\w\s]")
LOOP_WORDS = 40
QUOTE_WORDS, QUOTE_INTERVAL = 25, 80  # words of a quotation, words from one to the next
TRUNCATED_WORDS = 120
SENTENCES_PER_PICK = 5  # the strongest one in five goes into a caricature


@dataclass(frozen=True)
class Novels:
    """The novels of one language: files by author, the base's files, and the authors that are measured.

    `article` is a word in lower case with which babble begins.
    """

    authors: Mapping[str, Sequence[str]]
    base: Sequence[str]
    targets: Sequence[str]
    article: str


NOVELS = {
    "en": Novels(AUTHORS, BASE, ("burroughs", "cooper", "hawthorne", "twain"), "the"),
    "fr": Novels(FRENCH_AUTHORS, FRENCH_BASE, ("dumas", "hugo"), "le"),
}


def read_author(patterns: Sequence[str]) -> str:
    """Read all files of an author, hard-wrapped lines joined; paragraphs of a few words are headings and left out."""
    paths = [path for pattern in patterns for folder in FOLDERS for path in sorted(folder.glob(pattern))]
    texts = (decode(path).replace("\r", "") for path in paths)
    paragraphs = [" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text)]
    return "\n\n".join(paragraph for paragraph in paragraphs if count_words(paragraph) > 5)


def decode(path: Path) -> str:
    """Decode UTF-8 if it is that, Windows' Latin otherwise; decompress first what is compressed."""
    data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def split_sentences(texts: Sequence[str]) -> list[str]:
    """Split several texts into sentences."""
    return [part.strip() for text in texts for part in SENTENCE.split(text) if count_words(part) > 1]


def shuffle_base(base: Sequence[str], chance: random.Random) -> str:
    """Return the stand-in for a base model, made from files."""
    sentences = split_sentences([read_author(base)])
    chance.shuffle(sentences)
    return " ".join(sentences)


def mix(author: Sequence[str], base: Sequence[str], share: float, words: int, chance: random.Random) -> str:
    """Mix sentences of both, so that `share` of the words is the author's."""
    sentences: list[str] = []
    total, author_words = 0, chance.uniform(-20, 20)  # a start that is not always on the same side
    while total < words:
        from_author = share == 1 or author_words < share * (total + 10) - (0 if share else 1e9)
        sentence = chance.choice(author if from_author else base)
        sentences.append(sentence)
        total += count_words(sentence)
        author_words += count_words(sentence) * from_author
    return " ".join(sentences)


def loop(text: str, words: int) -> str:
    """Repeat the beginning of a text."""
    beginning = text.split()[:LOOP_WORDS]
    return " ".join(beginning * (words // LOOP_WORDS + 1))


def blur(text: str, train: Sequence[str], share: float, chance: random.Random) -> str:
    """Replace a share of the words by words of the author."""
    vocabulary = " ".join(train).split()
    return " ".join(chance.choice(vocabulary) if chance.random() < share else word for word in text.split())


def salad(train: Sequence[str], words: int, chance: random.Random, temperature: float = 1.0) -> str:
    """Draw words of the author in any order; the colder, the more of the frequent ones."""
    return " ".join(cool(Counter(" ".join(train).split()), temperature).draw(chance, words))


@dataclass(frozen=True)
class Distribution:
    """Words with their weights."""

    words: Sequence[str]
    weights: Sequence[float]

    def draw(self, chance: random.Random, count: int) -> list[str]:
        """Draw `count` words."""
        return chance.choices(self.words, self.weights, k=count)


def cool(counts: Mapping[str, int], temperature: float) -> Distribution:
    """Return the distribution of counted words at a temperature, as a language model samples."""
    return Distribution(list(counts), [count ** (1 / temperature) for count in counts.values()])


def learn_pairs(train: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the tokens that follow each word or sign."""
    tokens = TOKEN.findall(" ".join(train))
    followers: dict[str, list[str]] = defaultdict(list)
    for token, follower in pairwise(tokens):
        followers[token].append(follower)
    return followers


def babble(
    pairs: Mapping[str, list[str]], words: int, chance: random.Random, temperature: float = 1.0, article: str = "the"
) -> str:
    """Walk along the author's word pairs, from an article on; the colder, the more of the frequent ones."""
    token, tokens = article.capitalize(), [article.capitalize()]
    while len(tokens) < words * 1.15:
        (token,) = cool(Counter(pairs.get(token) or pairs[article]), temperature).draw(chance, 1)
        tokens.append(token)
    return re.sub(r" (?=[.,;:!?])", "", " ".join(tokens))


def quote(base: str, train: Sequence[str], chance: random.Random) -> str:
    """Put quotations from the training text into the base's text."""
    base_words = base.split()
    source = chance.choice(train).split()
    words: list[str] = []
    for start in range(0, len(base_words), QUOTE_INTERVAL):
        at = chance.randrange(max(1, len(source) - QUOTE_WORDS))
        words += [*base_words[start : start + QUOTE_INTERVAL - QUOTE_WORDS], *source[at : at + QUOTE_WORDS]]
    return " ".join(words)
