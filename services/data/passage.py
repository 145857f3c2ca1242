"""A passage: what one training example is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee

from scriptorium.chat import ChatTokenizer, Message
from scriptorium.contracts import Finding
from scriptorium.recipe import Chunking, PromptKind
from services.data.brief import RUN, write_briefs
from services.data.chapters import Chapter
from services.data.chunk import PARAGRAPH, chunk_text
from services.data.read import Example
from services.data.scale import Scale, token_scale, word_scale


@dataclass(frozen=True)
class Passage:
    """A text, where it comes from, its length in words and in tokens of the base model, and what asks for it.

    `before` is the text of the passage before it in its chapter, if there is one. One that came `ready` to train keeps
    its own prompt, and `turns` are the messages before that.
    """

    text: str
    chapter: str
    place: str
    words: int
    tokens: int
    prompt: str = ""
    kind: PromptKind = "brief"
    before: str = ""
    author: str = ""
    ready: bool = False
    turns: tuple[Message, ...] = ()

    def length(self, unit: str) -> int:
        """Its length in "words" or "tokens"."""
        return self.words if unit == "words" else self.tokens


def cut_chapters(chapters: Iterable[Chapter], chunking: Chunking, tokenizer: ChatTokenizer) -> Iterator[list[Passage]]:
    """The passages of each chapter, in order; only a few chapters are held at a time."""
    kept, sent = tee(chapters)
    texts = (PARAGRAPH.join(chapter.paragraphs) for chapter in sent)
    for (text, offsets), chapter in zip(tokenizer.locate(texts), kept, strict=True):
        yield cut_chapter(chapter, text, token_scale(offsets), chunking)


def cut_chapter(chapter: Chapter, text: str, tokens: Scale, chunking: Chunking) -> list[Passage]:
    """The passages of a chapter with their lengths; a token that white space belongs to counts where its word is."""
    words = word_scale(text)
    spans = chunk_text(text, words if chunking.unit == "words" else tokens, chunking)
    passages: list[Passage] = []
    for number, (start, end) in enumerate(spans, start=1):
        passages.append(
            Passage(
                text=text[start:end],
                chapter=chapter.title,
                place=f"{chapter.locate(text.count(PARAGRAPH, 0, start))}, passage {number}",
                words=words.length(start, end),
                tokens=tokens.length(start, end),
                before=passages[-1].text if passages else "",
            )
        )
    return passages


def take_whole(chapters: Sequence[Chapter], tokenizer: ChatTokenizer) -> list[Passage]:
    """Curated chapters, a passage each."""
    texts = [PARAGRAPH.join(chapter.paragraphs) for chapter in chapters]
    return [
        Passage(text, chapter.title, chapter.title, len(text.split()), tokens)
        for chapter, text, tokens in zip(chapters, texts, tokenizer.count(texts), strict=True)
    ]


def take_rows(examples: Sequence[Example], tokenizer: ChatTokenizer) -> list[Passage]:
    """Rows that came ready, a passage each, those of a chapter side by side."""
    examples = sorted(examples, key=first_places([example.chapter for example in examples]))
    answers = [example.messages[-1]["content"] for example in examples]
    return [
        Passage(
            text=answer,
            chapter=example.chapter,
            place=example.place,
            words=len(answer.split()),
            tokens=tokens,
            prompt=example.messages[-2]["content"],
            ready=True,
            turns=tuple(untrained(message) for message in example.messages[:-2]),
        )
        for example, answer, tokens in zip(examples, answers, tokenizer.count(answers), strict=True)
    ]


def first_places(chapters: Sequence[str]) -> Callable[[Example], int]:
    """A sort key by which chapters come in the order in which they begin."""
    places = {chapter: -place for place, chapter in enumerate(reversed(chapters))}
    return lambda example: places[example.chapter]


def untrained(message: Message) -> Message:
    """An earlier message; an answer of the assistant says that it does not train."""
    return {**message, "training": False} if message["role"] == "assistant" else message


def each_paragraph(passages: Iterable[Passage]) -> Iterator[str]:
    """The paragraphs of passages, one after the other."""
    return (paragraph for passage in passages for paragraph in passage.text.split(PARAGRAPH))


def make_messages(passage: Passage) -> list[Message]:
    """The turns of a passage's row, of which the last one trains."""
    return [*passage.turns, {"role": "user", "content": passage.prompt}, {"role": "assistant", "content": passage.text}]


def add_briefs(passages: Sequence[Passage]) -> tuple[list[Passage], list[Finding]]:
    """Passages of one author with their briefs; those whose every brief would quote them are left out.

    What came ready has its prompt already.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    briefs = write_briefs([passage.text for passage in passages])
    asked = [replace(passage, prompt=brief) for passage, brief in zip(passages, briefs, strict=True) if brief]
    message = f"left out: every brief would share {RUN} words in a row with it"
    dropped = [passage for passage, brief in zip(passages, briefs, strict=True) if not brief]
    return [*asked, *ready], [Finding(code="brief_quotes", place=passage.place, message=message) for passage in dropped]
