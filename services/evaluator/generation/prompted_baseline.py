"""The rival of training: a prompt that shows a model a little of the author and asks it to write like that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scriptorium.artifacts.dataset import Row
from scriptorium.models.tokenizer import ChatTokenizer, Message
from scriptorium.sampling import spread

COUNT = 3
WORDS = 200  # of one excerpt, where the engine has room for that
FEWEST = 40  # words that show anything of a style
FRAME = 40  # tokens of the words around the excerpts
SENTENCE_END = re.compile(r"[.!?][\"'”’]?(?=\s)")


def choose_excerpts(rows: Sequence[Row], room: int, tokenizer: ChatTokenizer) -> list[str]:
    """The beginnings of training passages from all over the book; together at most `room` tokens, or none at all."""
    passages = [row.passage for row in spread(rows, COUNT)]
    if not passages:
        return []
    tokens, words = sum(tokenizer.count(passages)), sum(len(passage.split()) for passage in passages)
    longest = min(WORDS, int((room - FRAME) / len(passages) * words / max(1, tokens)))
    excerpts = [begin(passage, longest) for passage in passages] if longest >= FEWEST else []
    return excerpts if sum(tokenizer.count(excerpts)) + FRAME <= room else []


def begin(passage: str, words: int) -> str:
    """The first `words` words of a passage, less what follows the last whole sentence."""
    found = re.match(rf"\s*(?:\S+\s+){{0,{words - 1}}}\S+", passage)
    text = found.group() if found else passage
    ends = [end.end() for end in SENTENCE_END.finditer(f"{text} ")]
    return text[: ends[-1]] if ends else text


def imitate(row: Row, excerpts: Sequence[str]) -> list[Message]:
    """What a model is asked for a row: its own messages; with `excerpts`, to do it in their style."""
    asked = row.messages[:-1]
    if not excerpts:
        return list(asked)
    shown = "\n\n".join(f"Excerpt {number}:\n{excerpt}" for number, excerpt in enumerate(excerpts, start=1))
    request = (
        f"Here are excerpts from an author's work.\n\n{shown}\n\n"
        f"Imitate this author's style, without repeating the excerpts. {row.brief}"
    )
    return [*asked[:-1], {**asked[-1], "content": request}]
