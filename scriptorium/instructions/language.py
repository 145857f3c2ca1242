"""Instructions to answer in another language, recognised by the small words that every text of a language has."""

from __future__ import annotations

from scriptorium.instructions import counting
from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import Topic, opening_sentence

SMALL_WORDS = {
    "French": "le la les un une des du de et est dans pour que qui sur avec au aux ce cette il elle",
    "Spanish": "el la los las un una de del y es en para que con por se al lo su como más muy",
    "German": "der die das ein eine und ist in zu den dem des mit auf für von sich es nicht auch",
    "English": "the a an and is in to of for that with on it as by at from this are be",
}
FOREIGN = ("French", "Spanish", "German")
MIN_WORDS = 6  # fewer may belong to several languages


def foreign_language(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for an answer in French, Spanish or German."""
    language = FOREIGN[turn % len(FOREIGN)]
    request = f"{opening_sentence(topic, turn)} Answer in {language} only, with one or two sentences."
    return request, lambda text: detect_language(text) == language


def detect_language(text: str) -> str | None:
    """Return the language with the most small words in a text; None if it is too short or two have equally many."""
    words = [word.casefold() for word in counting.list_words(text)]
    counts = {name: sum(word in small.split() for word in words) for name, small in SMALL_WORDS.items()}
    first, second = sorted(counts.values(), reverse=True)[:2]
    if len(words) < MIN_WORDS or first == second:
        return None
    return max(counts, key=lambda name: counts[name])
