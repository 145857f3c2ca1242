"""Code inside a sentence: what our messages put between backticks, as HTML."""

from __future__ import annotations

import re

from markupsafe import Markup

CODE = re.compile(r"`([^`\n]+)`")


def render_code(text: str) -> Markup:
    """Escape a text, and make what stands between backticks code."""
    pieces = CODE.split(text)  # every other one is code
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece for number, piece in enumerate(pieces)
    )
