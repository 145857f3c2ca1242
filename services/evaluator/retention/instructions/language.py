"""Instructions to answer in another language, told by the small words that every text of a language has."""

from __future__ import annotations

from services.evaluator.retention.instructions import counting
from services.evaluator.retention.instructions.instruction import Check
from services.evaluator.retention.instructions.topics import Topic, task

SMALL_WORDS = {
    "French": "le la les un une des du de et est dans pour que qui sur avec au aux ce cette il elle",
    "Spanish": "el la los las un una de del y es en para que con por se al lo su como más muy",
    "German": "der die das ein eine und ist in zu den dem des mit auf für von sich es nicht auch",
    "English": "the a an and is in to of for that with on it as by at from this are be",
}
FOREIGN = ("French", "Spanish", "German")
FEWEST = 6  # words: fewer may be of several languages


def foreign(topic: Topic, turn: int) -> tuple[str, Check]:
    """French, Spanish or German."""
    wanted = FOREIGN[turn % len(FOREIGN)]
    request = f"{task(topic, turn)} Answer in {wanted} only, with one or two sentences."
    return request, lambda text: tell_language(text) == wanted


def tell_language(text: str) -> str | None:
    """The language with the most small words in a text; None where it is too short or two have equally many."""
    found = [word.casefold() for word in counting.words(text)]
    counts = {name: sum(word in small.split() for word in found) for name, small in SMALL_WORDS.items()}
    first, second = sorted(counts.values(), reverse=True)[:2]
    if len(found) < FEWEST or first == second:
        return None
    return max(counts, key=lambda name: counts[name])
