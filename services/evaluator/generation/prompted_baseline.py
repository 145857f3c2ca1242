"""The prompted baseline: a prompt that shows a model excerpts of the author and asks it to imitate the style."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts.base import Message
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.sampling import spread
from scriptorium.text.sentences import drop_incomplete
from scriptorium.text.word_spans import count_running_words, find_word_spans

EXCERPTS = 3
MAX_WORDS = 200  # of one excerpt, if the engine's context has room for that
MIN_WORDS = 40  # of one excerpt: fewer show nothing of a style
FRAME_TOKENS = 40  # of the words around the excerpts


def choose_excerpts(rows: Sequence[Row], room: int, tokenizer: ChatTokenizer) -> list[str]:
    """Choose the beginnings of training passages from all over the book: at most `room` tokens together, or none."""
    passages = [row.passage for row in spread(rows, EXCERPTS)]
    if not passages:
        return []
    tokens, words = sum(tokenizer.count(passages)), sum(map(count_running_words, passages))
    length = min(MAX_WORDS, int((room - FRAME_TOKENS) / len(passages) * words / max(1, tokens)))
    excerpts = [cut_excerpt(passage, length) for passage in passages] if length >= MIN_WORDS else []
    return excerpts if sum(tokenizer.count(excerpts)) + FRAME_TOKENS <= room else []


def cut_excerpt(passage: str, words: int) -> str:
    """Return the first `words` words of a passage, without the incomplete sentence at the end."""
    spans = find_word_spans(passage)[:words]
    return drop_incomplete(passage[: spans[-1][1]] if spans else passage)


def build_messages(row: Row, excerpts: Sequence[str]) -> list[Message]:
    """Return the prompt of a row: its own messages; with `excerpts`, the request to write in their style."""
    prompt = row.messages[:-1]
    if not excerpts:
        return list(prompt)
    listing = "\n\n".join(f"Excerpt {number}:\n{excerpt}" for number, excerpt in enumerate(excerpts, start=1))
    request = (
        f"Here are excerpts from an author's work.\n\n{listing}\n\n"
        f"Imitate this author's style, without repeating the excerpts. {row.brief}"
    )
    return [*prompt[:-1], {**prompt[-1], "content": request}]
