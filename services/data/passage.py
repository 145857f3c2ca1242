"""A passage: what one training example is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scriptorium.contracts import Finding
from scriptorium.recipe import Chunking, Prompt
from services.data.brief import RUN, write_briefs
from services.data.chapters import Chapter
from services.data.chunk import Count, chunk_paragraphs, count_words


@dataclass(frozen=True)
class Passage:
    """A text, where it comes from, its length in words and in tokens of the base model, and what asks for it."""

    text: str
    chapter: str
    place: str
    words: int
    tokens: int
    brief: str = ""
    author: str = ""

    def length(self, unit: str) -> int:
        """Its length in "words" or "tokens"."""
        return self.words if unit == "words" else self.tokens


def cut_chapter(chapter: Chapter, chunking: Chunking, count_tokens: Count) -> list[Passage]:
    """The passages of a chapter, in order."""
    count = count_words if chunking.unit == "words" else count_tokens
    texts = chunk_paragraphs(chapter.paragraphs, chunking, count)
    places = [f"{chapter.title}, passage {number}" for number in range(1, len(texts) + 1)]
    return measure(texts, [chapter.title] * len(texts), places, count_tokens)


def measure(texts: Sequence[str], chapters: Sequence[str], places: Sequence[str], count: Count) -> list[Passage]:
    """Passages with their real lengths."""
    sizes = zip(count_words(texts), count(texts), strict=True)
    return [
        Passage(text, chapter, place, words, tokens)
        for text, chapter, place, (words, tokens) in zip(texts, chapters, places, sizes, strict=True)
    ]


def add_briefs(passages: Sequence[Passage], prompt: Prompt) -> tuple[list[Passage], list[Finding]]:
    """Passages of one author with their briefs; those whose every brief would quote them are left out."""
    briefs = write_briefs([passage.text for passage in passages], prompt)
    asked = [replace(passage, brief=brief) for passage, brief in zip(passages, briefs, strict=True) if brief]
    message = f"left out: every brief would share {RUN} words in a row with it"
    dropped = [passage for passage, brief in zip(passages, briefs, strict=True) if not brief]
    return asked, [Finding(code="brief_quotes", place=passage.place, message=message) for passage in dropped]
