"""Passages out of what a manuscript has: chapters are cut, curated texts and ready rows are a passage each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import tee

from scriptorium.contracts.base import Message
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import Chunking
from scriptorium.text.word_spans import count_running_words
from services.data.chunking.chunk import chunk_text
from services.data.chunking.fit import fit_range, passage_room
from services.data.chunking.token_offsets import UnitOffsets, token_offsets, word_offsets
from services.data.cleaning.chapters import Chapter
from services.data.passage import PARAGRAPH_BREAK, Passage
from services.data.readers import ReadyRow
from services.data.text_file import StoreText, keep_in_memory

NO_LIMIT = 1 << 30  # tokens of a row


def cut_chapters(
    chapters: Iterable[Chapter],
    chunking: Chunking,
    tokenizer: ChatTokenizer,
    store: StoreText = keep_in_memory,
    room: int = NO_LIMIT,
) -> Iterator[list[Passage]]:
    """Yield the passages of each chapter, in order; only a few chapters are in memory at a time.

    `room` is the number of tokens that a brief and its passage may have together.
    """
    chapters, same_chapters = tee(chapters)
    texts = (PARAGRAPH_BREAK.join(chapter.paragraphs) for chapter in same_chapters)
    for (text, offsets), chapter in zip(tokenizer.locate_tokens(texts), chapters, strict=True):
        yield cut_chapter(chapter, text, token_offsets(offsets), chunking, store, room=room)


def cut_chapter(
    chapter: Chapter, text: str, tokens: UnitOffsets, chunking: Chunking, store: StoreText, *, room: int
) -> list[Passage]:
    """Cut a chapter into passages and measure them; a token that includes white space counts with its word."""
    words = word_offsets(text)
    spans = chunk_text(text, words if chunking.unit == "words" else tokens, chunking)
    tokens_per_word = len(tokens.starts) / max(1, len(words.starts))
    maximum = passage_room(room, tokens_per_word)
    fitted = any(tokens.length(start, end) > maximum for start, end in spans)
    if fitted:
        spans = chunk_text(text, tokens, fit_range(chunking, tokens_per_word, maximum))
    passages: list[Passage] = []
    for number, (start, end) in enumerate(spans, start=1):
        passages.append(
            Passage(
                stored_text=store(text[start:end]),
                chapter=chapter.title,
                place=f"{chapter.locate(text.count(PARAGRAPH_BREAK, 0, start))}, passage {number}",
                words=words.length(start, end),
                tokens=tokens.length(start, end),
                stored_before=passages[-1].stored_text if passages else "",
                fitted=fitted,
            )
        )
    return passages


def take_curated(
    chapters: Iterable[Chapter], tokenizer: ChatTokenizer, store: StoreText = keep_in_memory
) -> list[Passage]:
    """Return a passage for each curated chapter, uncut."""
    passages = [
        Passage(store(PARAGRAPH_BREAK.join(chapter.paragraphs)), chapter.title, chapter.title, chapter.words, 0)
        for chapter in chapters
    ]
    return count_passage_tokens(passages, tokenizer)


def take_rows(rows: Sequence[ReadyRow], tokenizer: ChatTokenizer, store: StoreText = keep_in_memory) -> list[Passage]:
    """Return a passage for each answer of the ready rows that trains, those of a chapter side by side."""
    rows = sorted(rows, key=chapter_order([row.chapter for row in rows]))
    passages = join_preferences(passage for row in rows for passage in take_row(row, store))
    return count_passage_tokens(passages, tokenizer)


def join_preferences(passages: Iterable[Passage]) -> list[Passage]:
    """Return the passages with the preferences of a prompt and an answer side by side, as one conversation.

    They are held out together: apart, those that train would be left out as twins of the others.
    """
    groups: dict[bytes | str, list[Passage]] = {}
    for passage in passages:
        groups.setdefault(preference_key(passage), []).append(passage)
    return [
        replace(member, conversation=group[0].place) if len(group) > 1 else member
        for group in groups.values()
        for member in group
    ]


def preference_key(passage: Passage) -> bytes | str:
    """Return what the preferences of one prompt and preferred answer in a chapter have in common; else the place."""
    if not passage.stored_rejected:
        return passage.place
    texts = "\0".join([passage.book, passage.chapter, passage.prompt, passage.text])
    return blake2b(texts.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def take_row(row: ReadyRow, store: StoreText) -> list[Passage]:
    """Return a passage for each answer of a ready row that trains, their tokens not yet counted.

    All messages before an answer are its context; the other answers among them do not train there. A preference has
    two last answers, and trains on nothing before them.
    """
    messages = row.messages
    trained = [number for number, message in enumerate(messages) if is_trained(message)]
    answers = trained[-1:] if row.is_preference else trained
    turns = store(json.dumps([exclude_from_training(message) for message in messages[: max(0, answers[-1] - 1)]]))
    several = len(answers) > 1
    return [
        Passage(
            stored_text=store(messages[answer]["content"]),
            chapter=row.chapter,
            place=f"{row.place}, answer {number}" if several else row.place,
            words=count_running_words(messages[answer]["content"]),
            tokens=0,
            stored_prompt=store(messages[answer - 1]["content"]),
            ready=True,
            stored_turns=turns,
            turn_count=answer - 1,
            conversation=row.place if several else "",
            stored_rejected=row.stored_rejected,
            book=row.book,
        )
        for number, answer in enumerate(answers, start=1)
    ]


def is_trained(message: Message) -> bool:
    """Return whether a message is an answer that trains: one whose weight is not 0."""
    return message["role"] == "assistant" and message.get("training", True)


def count_passage_tokens(passages: Sequence[Passage], tokenizer: ChatTokenizer) -> list[Passage]:
    """Return the passages with their lengths in tokens."""
    sizes = tokenizer.count(passage.text for passage in passages)
    return [replace(passage, tokens=size) for passage, size in zip(passages, sizes, strict=True)]


def chapter_order(chapters: Sequence[str]) -> Callable[[ReadyRow], int]:
    """Return a sort key that puts chapters in the order in which they begin."""
    positions = {chapter: -position for position, chapter in enumerate(reversed(chapters))}
    return lambda row: positions[row.chapter]


def exclude_from_training(message: Message) -> Message:
    """Return an earlier message of a conversation; an answer of the assistant is marked as not trained."""
    return {**message, "training": False} if message["role"] == "assistant" else message
