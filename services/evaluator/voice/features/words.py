"""Words, and text whose typography says nothing about its author."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SPACE = re.compile(r"\s+")
# Curly or straight, one dash or two: that is the typesetter's habit or the tokenizer's, and would tell any book from
# any model's text without a word being read.
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": " - ", "–": " - ", "…": "..."})
DASHES = re.compile(r"\s*-{2,}\s*| - ")
_TITLES = (
    "mr mrs ms miss dr sir lady lord madam madame monsieur mademoiselle herr frau signor signora captain colonel major "
    "general lieutenant sergeant professor doctor master mister st rev reverend hon prince princess king queen"
)
TITLES = frozenset(_TITLES.split())
_PRONOUNS = (
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves thou thee thy thine thyself ye he "
    "him his himself she her hers herself it its itself they them their theirs themselves i'm i'd i'll i've we're we'd "
    "we'll we've you're you'd you'll you've he's he'd he'll she's she'd she'll it's it'd it'll they're they'd they'll "
    "they've"
)
PRONOUNS = frozenset(_PRONOUNS.split())


def plain(text: str) -> str:
    """Straight quotes, one kind of dash, single spaces."""
    return SPACE.sub(" ", DASHES.sub(" - ", text.translate(PLAIN))).strip()


def list_words(text: str) -> list[str]:
    """The words in small letters, with straight apostrophes."""
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


def count_words(text: str) -> int:
    """How many words."""
    return len(WORD.findall(text))
