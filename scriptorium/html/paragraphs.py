"""A text in paragraphs, as pages show it."""

from __future__ import annotations

import re


def split_paragraphs(text: str) -> list[str]:
    """Paragraphs, apart by blank lines, without control characters that HTML does not know."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n"))
    return [part.strip() for part in re.split(r"\n\s*\n", clean) if part.strip()]
