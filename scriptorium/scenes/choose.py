"""Choose the new scenes for a book: in its language, and without the names that it has itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.sampling import spread
from scriptorium.scenes.bank import Scene, list_languages, read_bank
from scriptorium.text.languages.detect import detect_book_language
from scriptorium.text.languages.language import ENGLISH, Language
from scriptorium.text.words import COMPOUND_WORD


@dataclass(frozen=True)
class SceneChoice:
    """The scenes for a book, and how many of the bank share a name with it and are left out."""

    language: str
    scenes: list[Scene]
    skipped: int


def choose_scenes(passages: Sequence[str], number: int, book_language: Language | None = None) -> SceneChoice:
    """Choose at most `number` scenes, evenly spread; `passages` are all of the book's. English if its bank is missing.

    A scene is left out if the book has a word of its names, with the same capital.
    """
    language = choose_language(book_language or detect_book_language(passages))
    words = {word for passage in passages for word in COMPOUND_WORD.findall(passage)}
    scenes = read_bank(language).scenes
    new = [scene for scene in scenes if words.isdisjoint(list_name_words(scene))]
    return SceneChoice(language, spread(new, number), len(scenes) - len(new))


def choose_language(language: Language) -> str:
    """Return the book's language if the bank has it, else English."""
    return language.code if language.code in list_languages() else ENGLISH.code


def list_name_words(scene: Scene) -> list[str]:
    """List the words of a scene's names."""
    return [word for name in scene.names for word in COMPOUND_WORD.findall(name)]
