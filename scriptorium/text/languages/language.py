"""A language: its small words, its classes of words and its conventions of print, read from a YAML file of its own.

`read_language("fr")` reads `fr.yaml` beside this module. A field that a file leaves out is empty: whoever uses it must
do without, and say so. Words are in lower case except `title_abbreviations`, with straight apostrophes.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from scriptorium.text.languages.heading_words import HeadingWords

FOLDER = Path(__file__).parent


def _split(value: object) -> object:
    """Split a string at white space; YAML has no short way to write a list of words."""
    return tuple(value.split()) if isinstance(value, str) else value


Words = Annotated[frozenset[str], BeforeValidator(_split)]
OrderedWords = Annotated[tuple[str, ...], BeforeValidator(_split)]


class BriefSentences(BaseModel):
    """The sentences of an extracted brief; what stands in braces is filled in.

    `instruction` asks for a passage of a novel; `verse`, `script` and `letter` stand for it where that is the kind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: str
    verse: str
    script: str
    letter: str
    first_person: str
    third_person: str
    no_dialogue: str
    some_dialogue: str
    much_dialogue: str
    people: str
    topics: str


class Language(BaseModel):
    """One language.

    `small_words` are in every text and tell languages apart. `title_abbreviations` end in a full stop and are no names
    by themselves. `elisions` are words that lean on the next one ("l'homme"). `contraction` is a pattern of what is a
    choice of style ("don't"), in text that is plain. `endings` class the words of the grammar score; the first that
    fits counts. `quotes` are pairs of signs; with `dialogue_dash` a line that opens with a dash is speech, too.
    `capitals`: what is capitalised inside a sentence; `noun_endings` are of capitalised words that are no names.
    `calibrated`: T was measured on mixtures of novels.
    `script`: its letters, as in a pattern's brackets, if they tell it from others. `first_person_endings`: of verbs, if
    they need no pronoun. `topic_length`: the letters of a word that says something. `draft_lookalikes`: words that
    elsewhere mark a draft. `letter_openings` begin a salutation, `letter_closings` begin or end the last line.
    `headings`: words in headings and around a story.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    name: str
    separates_words: bool = True
    calibrated: bool = False
    small_words: Words = frozenset()
    titles: Words = frozenset()
    title_abbreviations: Words = frozenset()
    personal_pronouns: Words = frozenset()
    first_person: Words = frozenset()
    first_person_endings: OrderedWords = ()
    third_person: Words = frozenset()
    determiners: Words = frozenset()
    conjunctions: Words = frozenset()
    elisions: Words = frozenset()
    contraction: str = ""
    adverb_ending: str = ""
    endings: OrderedWords = ()
    quotes: OrderedWords = ("“”", "«»")
    dialogue_dash: bool = False
    script: str = ""
    topic_length: int = 4
    draft_lookalikes: Words = frozenset()
    letter_openings: Words = frozenset()
    letter_closings: Words = frozenset()
    capitals: Literal["names", "nouns"] = "names"
    noun_endings: OrderedWords = ()
    headings: HeadingWords = HeadingWords()
    brief: BriefSentences | None = None

    @cached_property
    def quote_pairs(self) -> tuple[tuple[str, str], ...]:
        """The opening and closing signs of speech."""
        return tuple((pair[0], pair[1]) for pair in self.quotes)

    def separate(self, text: str) -> str:
        """Return the text with a space behind each elided word: "l'homme" becomes "l' homme"."""
        return self._elision.sub(r"\g<0> ", text) if self._elision else text

    @cached_property
    def _elision(self) -> re.Pattern[str] | None:
        elided = "|".join(sorted(self.elisions, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{elided})['’](?=\w)", re.IGNORECASE) if elided else None


@cache
def list_codes() -> tuple[str, ...]:
    """List the codes of all languages."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def read_language(code: str) -> Language:
    """Read a language by its code."""
    data = yaml.safe_load((FOLDER / f"{code}.yaml").read_text(encoding="utf-8"))
    return Language.model_validate({"code": code, **data})


ENGLISH = read_language("en")
UNKNOWN = Language(code="", name="an unknown language")
