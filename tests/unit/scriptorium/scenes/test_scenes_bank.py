"""The bank of new scenes, and the choice for a book."""

import re

import pytest

from scriptorium.replay.bank import list_languages as list_replay_languages
from scriptorium.scenes.bank import list_languages, read_bank
from scriptorium.scenes.choose import choose_scenes, list_name_words
from scriptorium.text.languages.language import read_language

GERMAN = "Der alte Mann ging am Abend durch die Stadt und sah das Haus, in dem er als Kind mit seiner Mutter war."
ENGLISH = "The old man went through the town in the evening and saw the house that he had lived in as a child."
LEAST = {"en": 24}  # scenes; 12 in the other languages


def test_the_bank_speaks_the_languages_of_the_replayed_requests():
    assert list_languages() == list_replay_languages()


@pytest.mark.parametrize("language", list_languages())
def test_a_bank_has_enough_different_scenes_and_no_name_of_it_is_ordinary(language):
    bank = read_bank(language)
    assert len(bank.scenes) >= LEAST.get(language, 12)
    assert len({scene.brief for scene in bank.scenes}) == len(bank.scenes)
    words = {word for scene in bank.scenes for word in list_name_words(scene)}
    assert {word for word in words if word.lower() in bank.ordinary_names} - {"Chiara"} == set()
    assert all(re.fullmatch(r"\w+", word) and word[0].isupper() for word in words)
    assert {scene.dialogue for scene in bank.scenes} == {"no", "some", "much"}
    assert all(1 < len(scene.topics) <= 8 for scene in bank.scenes)
    assert read_language(language).brief
    replacements = [*bank.people.split(), *bank.places.split()]
    assert len(replacements) == len(set(replacements))
    assert len(bank.people.split()) >= 30
    assert {name for name in replacements if name.lower() in bank.ordinary_names or name in words} == set()


def test_a_brief_is_worded_like_that_of_a_passage():
    assert read_bank("en").scenes[0].brief == (
        "Write a passage of about 200 words from a novel, in the third person, with some dialogue. "
        "People and places: Priya, Adeyemi, Hyderabad. It has to do with: server, cable, alarm, backup, coffee."
    )


@pytest.mark.parametrize(
    ("passages", "language"), [([GERMAN] * 3 + [ENGLISH], "de"), ([ENGLISH] * 3, "en"), (["Xyz."], "en"), ([], "en")]
)
def test_the_language_is_the_books_if_the_bank_has_it(passages, language):
    assert choose_scenes(passages, 3).language == language


def test_a_scene_with_a_name_of_the_book_is_left_out():
    choice = choose_scenes([ENGLISH, "In Tampere nobody knew Priya, and a runa is no name."], 99)
    names = {name for scene in choice.scenes for name in scene.names}
    assert choice.skipped == 2
    assert len(choice.scenes) == len(read_bank("en").scenes) - 2
    assert names.isdisjoint({"Priya", "Tampere", "Keiko"})
    assert "Runa" in names


def test_fewer_scenes_are_spread_over_the_bank():
    chosen = choose_scenes([ENGLISH], 4).scenes
    assert chosen == read_bank("en").scenes[::8]
    assert choose_scenes([ENGLISH], 0).scenes == []
