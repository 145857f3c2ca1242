"""The bank of new scenes: a YAML file per language with people, places and topics of another time than the book's.

The briefs are worded like those of held-out passages, so that a tuned model is asked as it was trained. `ordinary` are
capitalised words that no book owns: titles, months, countries, common first names.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from scriptorium.text.briefs import Dialogue, Person, word_brief
from scriptorium.text.languages.language import ENGLISH, read_language

FOLDER = Path(__file__).parent
SCENE_WORDS = 200  # asked of a scene: enough for a name to turn up, and less than half of a test passage


class Scene(BaseModel):
    """A scene of the bank: who and where, and the things that it has to do with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: list[str]
    topics: list[str]
    dialogue: Dialogue
    person: Person = "third"
    language: str = ENGLISH.code

    @property
    def brief(self) -> str:
        """The brief of the scene, in its language."""
        language = read_language(self.language)
        return word_brief(SCENE_WORDS, self.person, self.dialogue, self.names, self.topics, language=language)


class SceneBank(BaseModel):
    """The scenes in a language (`code`), and what is known of names in it, as lists of words.

    `place_words` stand before places. `people` and `places` replace a book's names: surnames fit everybody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    name: str
    ordinary: str
    place_words: str
    people: str
    places: str
    scenes: list[Scene]

    @property
    def ordinary_names(self) -> frozenset[str]:
        """The ordinary names in lower case, with an s behind them, too: "Germans" are no more the book's own."""
        names = self.ordinary.lower().split()
        return frozenset([*names, *(f"{name}s" for name in names)])


@cache
def list_languages() -> tuple[str, ...]:
    """List the codes of the languages in the bank."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def read_bank(language: str) -> SceneBank:
    """Read the bank of a language, by its code."""
    body = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return SceneBank.model_validate(
        body | {"code": language, "scenes": [scene | {"language": language} for scene in body["scenes"]]}
    )
