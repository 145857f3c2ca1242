"""Characters that stand where no writer puts them: the evidence that a text was decoded wrongly.

It decides between two readings of the same bytes, and whether a repair makes a text better. It knows no language: only
that capitals do not follow small letters, that no letter touches the end of a sentence, that signs are not in words.

    >>> count_odd_characters("the cafÃ© he didnÕt like"), count_odd_characters("the café he didn’t like")
    (3, 0)
"""

from __future__ import annotations

import re
import unicodedata

NOT_ASCII = re.compile(r"[^\x00-\x7f]")
SENTENCE_END = ".!?"
LEAD_LETTERS = "ÂÃ"  # most mojibake of Western text begins with one of them; alone, neither is a word
LOW_QUOTES = "‚„"  # they open speech; before two letters with accents they are what is left of ’ or —
SIGNS_OF_WORDS = "’ʼ·‧\u00ad\u200c\u200d"  # what a word may have inside
BRITTLE = ("Sc", "Sk", "Sm", "Lm")  # categories that never follow a letter: money, loose accents, mathematics
BROKEN = ("Cc", "Co", "Cn")  # control characters, private use, unassigned
ORDINALS = "ªº"


def count_odd_characters(text: str) -> int:
    """Count the characters outside ASCII that stand where no writer puts them."""
    return sum(is_odd(text, match.start()) for match in NOT_ASCII.finditer(text))


def is_odd(text: str, position: int) -> bool:
    """Return whether the character at a position is odd beside its neighbours."""
    character = text[position]
    before, after = text[max(0, position - 2) : position], text[position + 1 : position + 3]
    category = unicodedata.category(character)
    if character == "\ufffd" or category in BROKEN:
        return True
    if character in ORDINALS or category in BRITTLE:
        return before[-1:].isalpha() or is_loose_sign(after[:1])
    if "\u2500" <= character <= "\u259f":  # lines and boxes, as DOS shows what is not its own
        return before[-1:].isalpha() or after[:1].isalpha()
    if character in LOW_QUOTES:
        return before[-1:].isalpha() or (len(after) == 2 and after.isalpha() and not NOT_ASCII.sub("", after))
    if category.startswith("L"):
        return is_odd_letter(character, before, after)
    in_word = before[-1:].isalpha() and after[:1].isalpha()
    return in_word and category[0] in "PS" and category not in ("Pd", "Pi", "Pf") and character not in SIGNS_OF_WORDS


def is_loose_sign(character: str) -> bool:
    """Return whether a character outside ASCII is a sign that no text has beside a letter or another such sign."""
    return character > "\x7f" and unicodedata.category(character) in ("No", "Po", "So", *BRITTLE) and character != "…"


def is_odd_letter(letter: str, before: str, after: str) -> bool:
    """Return whether a letter is odd behind and before the one or two characters beside it."""
    previous, following = before[-1:], after[:1]
    if previous and previous in SENTENCE_END:
        return letter.lower() != letter.upper()
    if letter in LEAD_LETTERS and is_loose_sign(following):
        return True
    if letter.isupper():
        alone = not previous.isalpha() and not following.isalpha()
        opens_word = not previous.isalpha() and following.isupper() and after[1:].islower()
        return previous.islower() or opens_word or (alone and letter in LEAD_LETTERS)
    in_capitals = len(before) == 2 and before.isupper() and before.isalpha()
    return letter.islower() and (following.isupper() or in_capitals)
