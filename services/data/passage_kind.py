"""The kind of a passage: prose, verse, a scene of a play or a letter. What is in doubt is prose, as most books are.

It is judged by the cleaned text, whose line breaks are those that cleaning took for the author's own: lines of verse
keep theirs, speeches begin with the name of a speaker that comes again, and a letter has a salutation and a date or a
closing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from scriptorium.text.briefs import TextKind
from scriptorium.text.languages.language import Language
from services.data.cleaning.kept_breaks import SPEAKER

MIN_SPEECHES = 4  # in a passage
MIN_SPEAKERS = 2
SPEECH_SHARE = 0.4  # of the lines; stage directions and long speeches are the rest
MIN_VERSE_LINES = 2  # a poem may be as short
MAX_VERSE_LINE = 300  # characters; Whitman's reach 200
VERSE_SHARE = 0.6  # of the characters; a novel quotes a poem here and there
ENDS_OF_LETTER = 4  # lines at either end that may be a letter's head or foot
MAX_LETTER_LINE = 60  # characters of such a line


def judge_kind(text: str, language: Language) -> TextKind:
    """Return the kind of a passage of a book in a language."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if is_script(lines):
        return "script"
    if is_letter(lines, language):
        return "letter"
    return "verse" if is_verse(text) else "prose"


def is_script(lines: Sequence[str]) -> bool:
    """Return whether lines begin with speakers, at least two of whom speak again."""
    names = Counter(filter(None, map(find_speaker, lines)))
    recurring = [number for number in names.values() if number > 1]
    enough = sum(recurring) >= max(MIN_SPEECHES, SPEECH_SHARE * len(lines))
    return enough and len(recurring) >= MIN_SPEAKERS


def find_speaker(line: str) -> str:
    """Return the name that a line opens with, behind which a sign follows or, in capitals, nothing; "" for none."""
    match = SPEAKER.match(line)
    is_name = match is not None and not line[0].islower() and (match["sign"] or match["name"].isupper())
    return match["name"].casefold() if match and is_name else ""


def is_verse(text: str) -> bool:
    """Return whether most of a text is paragraphs of several lines."""
    stanzas = [lines for paragraph in text.split("\n\n") if len(lines := paragraph.strip().splitlines()) > 1]
    verse = [line for lines in stanzas if max(map(len, lines)) <= MAX_VERSE_LINE for line in lines]
    return len(verse) >= MIN_VERSE_LINES and sum(map(len, verse)) >= VERSE_SHARE * len(text)


def is_letter(lines: Sequence[str], language: Language) -> bool:
    """Return whether a passage has a salutation at its head, and a date there or a closing at its foot."""
    head = [line for line in lines[:ENDS_OF_LETTER] if len(line) <= MAX_LETTER_LINE]
    foot = [line for line in lines[-ENDS_OF_LETTER:] if len(line) <= MAX_LETTER_LINE]
    salutation, closing = letter_patterns(language)
    is_dated = any(any(map(str.isdigit, line)) for line in head)
    return any(map(salutation.match, head)) and (is_dated or any(map(closing.search, foot)))


@cache
def letter_patterns(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compile the patterns of a salutation and of a closing line; of a language without their words, they never fit."""
    openings, closings = ("|".join(words) or "(?!)" for words in (language.letter_openings, language.letter_closings))
    before, after, stop = (r"(?<!\w)", r"(?!\w)", r".*[,!:;—–-]$") if language.separates_words else ("", "", "")
    return (
        re.compile(rf"(?:{openings}){after}{stop}", re.IGNORECASE),
        re.compile(rf"^(?:{closings}){after}|{before}(?:{closings})[,.。]?$", re.IGNORECASE),
    )
