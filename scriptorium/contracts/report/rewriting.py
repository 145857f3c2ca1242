"""Rewriting in the report: drafts that both models rewrote, and how much of their content is left."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from scriptorium.contracts.base import Contract, Message

REWRITES = "rewrites.jsonl"  # a line per draft and per rewritten passage; grows while the models write

RewriteRole = Literal["draft", "base", "tuned"]


class RewriteSample(BaseModel):
    """A draft of a held-out passage, or what a model made of it, with the exact request and how it was decoded.

    `genuine` is what was retold: the beginning of the passage of the test brief `index`. The text of a draft whose
    `outline` is true is extracted, because every draft of the base was refused: `refused` says why, try by try.
    """

    role: RewriteRole
    index: int
    chapter: str
    genuine: str
    messages: list[Message]
    text: str
    finish_reason: str | None
    tokens: int | None
    temperature: float
    max_tokens: int
    seed: int | None
    model: str
    engine: str | None
    outline: bool = False
    refused: list[str] = []

    @property
    def key(self) -> tuple[RewriteRole, int]:
        """The key that identifies a sample."""
        return self.role, self.index


class ContentKept(Contract):
    """What a text keeps of a draft, as means over the drafts: the shares (0 to 1) of its names and its content words.

    `meaning` is the cosine of both texts in a sentence model; None if it could not be measured. `names` is None if no
    draft has any.
    """

    names: float | None
    words: float
    meaning: float | None = None


class Rewriting(Contract):
    """The content that both models keep of `drafts` drafts, of which `outlines` are no prose but outlines.

    `author` is what the author's own passages have in common with their drafts, `unrelated` what the author's next
    passage has: good values lie between. `refused` counts the base's drafts that were no good, by reason.
    `meaning_note` says how meaning was measured, or why it was not. How much of the voice is in the rewritten passages
    is `rewritten` in the outcome of the voice.
    """

    drafts: int
    outlines: int
    refused: dict[str, int]
    base: ContentKept
    tuned: ContentKept
    author: ContentKept
    unrelated: ContentKept
    meaning_note: str
    samples: str = REWRITES
