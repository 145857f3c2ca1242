"""The wording of a brief: what an author would ask for. Briefs of passages and of new scenes are worded alike.

>>> word_brief(200, "first", "no", [], ["rain"])
'Write a passage of about 200 words from a novel, in the first person, with no dialogue. It has to do with: rain.'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scriptorium.text.languages.language import ENGLISH, BriefSentences, Language

Person = Literal["first", "third"]
Dialogue = Literal["no", "some", "much"]
TextKind = Literal["prose", "verse", "script", "letter"]


def word_brief(
    words: int,
    person: Person | None,
    dialogue: Dialogue,
    names: Sequence[str],
    topics: Sequence[str],
    *,
    language: Language = ENGLISH,
) -> str:
    """Return a whole brief; names and topics may be missing, and the person, if the narrator is unknown."""
    instruction = word_instruction(words, person, dialogue, language)
    return instruction + word_names(names, language) + word_topics(topics, language)


def word_instruction(words: int, person: Person | None, dialogue: Dialogue, language: Language = ENGLISH) -> str:
    """Return the sentence for prose with length, point of view and share of dialogue."""
    sentences = brief_sentences(language)
    views = {None: "", "first": sentences.first_person, "third": sentences.third_person}
    amounts = {"no": sentences.no_dialogue, "some": sentences.some_dialogue, "much": sentences.much_dialogue}
    return sentences.instruction.format(length=words, view=views[person], dialogue=amounts[dialogue])


def word_kind(words: int, kind: TextKind, language: Language = ENGLISH) -> str:
    """Return the sentence for a poem, a scene of a play or a letter, with its length."""
    sentences = brief_sentences(language)
    wordings = {"verse": sentences.verse, "script": sentences.script, "letter": sentences.letter}
    return wordings[kind].format(length=words)


def word_names(names: Sequence[str], language: Language = ENGLISH) -> str:
    """Return the sentence with the people and places, and a space before it; "" for none."""
    return brief_sentences(language).people.format(names=", ".join(names)) if names else ""


def word_topics(topics: Sequence[str], language: Language = ENGLISH) -> str:
    """Return the sentence with the topics, and a space before it; "" for none."""
    return brief_sentences(language).topics.format(topics=", ".join(topics)) if topics else ""


def brief_sentences(language: Language) -> BriefSentences:
    """Return the sentences of a brief in a language; raises ValueError if it has none."""
    if language.brief is None:
        raise ValueError(f"{language.name} has no sentences for briefs")
    return language.brief
