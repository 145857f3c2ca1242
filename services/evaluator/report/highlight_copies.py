"""A passage in paragraphs, each in pieces that are copied from the author or not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scriptorium.html.paragraphs import split_paragraphs
from services.evaluator.voice.result import Copied

BEGIN, END = "\ue000", "\ue001"  # private characters, which stand in no text that is worth reading


def mark_copies(text: str, copies: Sequence[Copied]) -> list[list[tuple[str, bool]]]:
    """Paragraphs as pieces of text, and whether each is copied; a run may go on in the next paragraph."""
    text = re.sub(f"[{BEGIN}{END}]", "\ufffd", text)
    for copy in sorted(copies, key=lambda copy: -copy.start):
        text = f"{text[: copy.start]}{BEGIN}{text[copy.start : copy.end]}{END}{text[copy.end :]}"
    copied, paragraphs = False, []
    for paragraph in split_paragraphs(text):
        pieces = []
        for piece in re.split(f"([{BEGIN}{END}])", paragraph):
            if piece in (BEGIN, END):
                copied = piece == BEGIN
            elif piece:
                pieces.append((piece, copied))
        paragraphs.append(pieces)
    return [pieces for pieces in paragraphs if pieces]
