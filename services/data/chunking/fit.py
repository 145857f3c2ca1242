"""A passage's length so that its row fits into a training's `sequence_len`, whatever unit the recipe counts in.

A recipe counts words or tokens of passages; a training counts the tokens of rows, and a German word has twice as
many as an English one. Only a chapter with a passage that would not fit is cut to a lower range, in tokens.
"""

from __future__ import annotations

from scriptorium.contracts import Finding, PrepareRequest
from scriptorium.contracts.base import Message
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import Chunking

MIN_BRIEF_TOKENS = 160  # that a model's brief may have
BRIEF_WORDS = 50  # of an extracted brief with all its names and topics, in the language of the book
MIN_RANGE = (20, 40)  # the least that a recipe may ask for


def measure_room(request: PrepareRequest, tokenizer: ChatTokenizer) -> int:
    """Return the tokens of a row that are left for a brief and its passage, beside the template and system message."""
    system: list[Message] = [{"role": "system", "content": request.system}] if request.system else []
    chat: list[Message] = [*system, {"role": "user", "content": "."}, {"role": "assistant", "content": "."}]
    return request.sequence_len - tokenizer.count([tokenizer.render(chat)])[0]


def passage_room(room: int, tokens_per_word: float) -> int:
    """Return the tokens that a passage may have beside a brief in its language; at least half of the room."""
    brief = max(MIN_BRIEF_TOKENS, round(BRIEF_WORDS * tokens_per_word))
    return max(room - brief, room // 2, MIN_RANGE[1])


def fit_range(chunking: Chunking, tokens_per_word: float, maximum: int) -> Chunking:
    """Return the recipe's range in tokens, lowered as a whole to a maximum."""
    per_unit = tokens_per_word if chunking.unit == "words" else 1.0
    scale = min(per_unit, maximum / chunking.maximum)
    lower, upper = (int(length * scale) for length in (chunking.minimum, chunking.maximum))
    return Chunking(unit="tokens", minimum=max(MIN_RANGE[0], lower), maximum=max(MIN_RANGE[1], upper))


def note_fitted(fitted: int, passages: int, request: PrepareRequest) -> list[Finding]:
    """Return a finding if passages are cut to a lower range than the recipe's."""
    if not fitted:
        return []
    message = (
        f"{fitted:,} of {passages:,} passages are cut to a lower range than {request.chunking.minimum:,} to "
        f"{request.chunking.maximum:,} {request.chunking.unit}: longer rows would not fit into "
        f"{request.sequence_len:,} tokens"
    )
    return [Finding(code="cut_to_fit", place=request.filename, message=message)]
