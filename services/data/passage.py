"""A passage: what one training example is made of. Its texts may lie in a file and are read when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee

from scriptorium.artifacts.dataset import CONTINUE
from scriptorium.contracts import Finding
from scriptorium.models.tokenizer import ChatTokenizer, Message
from scriptorium.recipe import Chunking, PromptKind
from services.data.chunking.chunk import PARAGRAPH, chunk_text
from services.data.chunking.token_offsets import Scale, token_scale, word_scale
from services.data.cleaning.chapters import Chapter
from services.data.prompts.extracted_brief import RUN, read_lexicon, write_brief
from services.data.readers import Example
from services.data.text_file import Held, Keep, in_memory, read


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, where it comes from, its length in words and in tokens of the base model, and what asks for it.

    `before` is the text of the passage before it in its chapter, if there is one. One that came `ready` to train keeps
    its own prompt, and `turns` are the messages before that.
    """

    whole: Held
    chapter: str
    place: str
    words: int
    tokens: int
    asked: Held = ""  # its brief, or the prompt that it came with
    kind: PromptKind = "brief"
    earlier: Held = ""  # `before`
    author: str = ""
    ready: bool = False
    said: Held = "[]"  # `turns` as JSON

    @property
    def text(self) -> str:
        """What is written, and trains."""
        return read(self.whole)

    @property
    def before(self) -> str:
        """The passage before it, "" where it is the first one."""
        return read(self.earlier)

    @property
    def prompt(self) -> str:
        """What asks for it, by its kind."""
        if self.kind == "brief":
            return read(self.asked)
        return f"{CONTINUE}\n\n{self.before}" if self.kind == "context" else CONTINUE

    @property
    def turns(self) -> list[Message]:
        """The messages before its prompt."""
        return list(json.loads(read(self.said)))

    def length(self, unit: str) -> int:
        """Its length in "words" or "tokens"."""
        return self.words if unit == "words" else self.tokens


def cut_chapters(
    chapters: Iterable[Chapter], chunking: Chunking, tokenizer: ChatTokenizer, keep: Keep = in_memory
) -> Iterator[list[Passage]]:
    """The passages of each chapter, in order; only a few chapters are held at a time."""
    chapters, told = tee(chapters)
    texts = (PARAGRAPH.join(chapter.paragraphs) for chapter in told)
    for (text, offsets), chapter in zip(tokenizer.locate(texts), chapters, strict=True):
        yield cut_chapter(chapter, text, token_scale(offsets), chunking, keep)


def cut_chapter(chapter: Chapter, text: str, tokens: Scale, chunking: Chunking, keep: Keep) -> list[Passage]:
    """The passages of a chapter with their lengths; a token that white space belongs to counts where its word is."""
    words = word_scale(text)
    spans = chunk_text(text, words if chunking.unit == "words" else tokens, chunking)
    passages: list[Passage] = []
    for number, (start, end) in enumerate(spans, start=1):
        passages.append(
            Passage(
                whole=keep(text[start:end]),
                chapter=chapter.title,
                place=f"{chapter.locate(text.count(PARAGRAPH, 0, start))}, passage {number}",
                words=words.length(start, end),
                tokens=tokens.length(start, end),
                earlier=passages[-1].whole if passages else "",
            )
        )
    return passages


def take_whole(chapters: Iterable[Chapter], tokenizer: ChatTokenizer, keep: Keep = in_memory) -> list[Passage]:
    """Curated chapters, a passage each."""
    passages = [
        Passage(keep(PARAGRAPH.join(chapter.paragraphs)), chapter.title, chapter.title, chapter.words, 0)
        for chapter in chapters
    ]
    return count_tokens(passages, tokenizer)


def take_rows(examples: Sequence[Example], tokenizer: ChatTokenizer, keep: Keep = in_memory) -> list[Passage]:
    """Rows that came ready, a passage each, those of a chapter side by side."""
    examples = sorted(examples, key=first_places([example.chapter for example in examples]))
    return count_tokens([take_row(example, keep) for example in examples], tokenizer)


def take_row(example: Example, keep: Keep) -> Passage:
    """A row that came ready, its tokens not yet counted."""
    *turns, question, answer = example.messages
    return Passage(
        whole=keep(answer["content"]),
        chapter=example.chapter,
        place=example.place,
        words=len(answer["content"].split()),
        tokens=0,
        asked=keep(question["content"]),
        ready=True,
        said=keep(json.dumps([untrained(message) for message in turns])),
    )


def count_tokens(passages: Sequence[Passage], tokenizer: ChatTokenizer) -> list[Passage]:
    """The passages with their lengths in tokens."""
    sizes = tokenizer.count(passage.text for passage in passages)
    return [replace(passage, tokens=size) for passage, size in zip(passages, sizes, strict=True)]


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
    lexicon = read_lexicon(passage.text for passage in passages)
    asked: list[Passage] = []
    findings: list[Finding] = []
    for passage in passages:
        if brief := write_brief(passage.text, lexicon):
            asked.append(replace(passage, asked=brief))
        else:
            message = f"left out: every brief would share {RUN} words in a row with it"
            findings.append(Finding(code="brief_quotes", place=passage.place, message=message))
    return [*asked, *ready], findings
