"""Paragraphs of a text, for HTML pages."""

from __future__ import annotations

import re


def split_paragraphs(text: str) -> list[str]:
    """Split a text at blank lines into paragraphs, without the control characters that HTML does not allow."""
    clean = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n"))
    return [part.strip() for part in re.split(r"\n\s*\n", clean) if part.strip()]
