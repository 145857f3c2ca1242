"""The wording of a brief: what an author would ask for. Briefs of passages and of new scenes are worded alike.

>>> word_brief(200, "first", "no", [], ["rain"])
'Write a passage of about 200 words from a novel, in the first person, with no dialogue. It has to do with: rain.'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Person = Literal["first", "third"]
Dialogue = Literal["no", "some", "much"]


def word_brief(
    words: int, person: Person | None, dialogue: Dialogue, names: Sequence[str], topics: Sequence[str]
) -> str:
    """Return a whole brief; names and topics may be missing, and the person, if the narrator is unknown."""
    return word_instruction(words, person, dialogue) + word_names(names) + word_topics(topics)


def word_instruction(words: int, person: Person | None, dialogue: Dialogue) -> str:
    """Return the sentence with length, point of view and share of dialogue."""
    view = f", in the {person} person" if person else ""
    return f"Write a passage of about {words} words from a novel{view}, with {dialogue} dialogue."


def word_names(names: Sequence[str]) -> str:
    """Return the sentence with the people and places, and a space before it; "" for none."""
    return f" People and places: {', '.join(names)}." if names else ""


def word_topics(topics: Sequence[str]) -> str:
    """Return the sentence with the topics, and a space before it; "" for none."""
    return f" It has to do with: {', '.join(topics)}." if topics else ""
