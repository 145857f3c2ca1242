"""The kind of a passage, and the brief that names it."""

from __future__ import annotations

from collections import Counter

import pytest

from scriptorium.text.languages.language import ENGLISH, read_language
from scriptorium.text.words import COMPOUND_WORD
from services.data.passage_kind import judge_kind
from services.data.prompts.extracted_brief import write_instruction

POEM = "\n\n".join(["The lamp is lit, the boats are gone,\nThe river runs below;\nI wait until the early dawn"] * 3)
PLAY = "\n\n".join(
    ["Jack. Charming old lady she is, too.", "Algernon. [Retreating.] But why?", "Jack. My dear fellow!"] * 2
)
SHOUTED = "\n".join(["ANNA", "Who is there?", "BORIS:", "Nobody."] * 3)
LETTER = (
    "Vienna, 3 March 1912\n\nMy dearest Anna,\n\nThe boats came in last night, and nobody was on them.\n\nYours,\nTom"
)
NOVEL = "“Yes.”\n\n“No.”\n\nHe went down to the river with his lamp. He had not been there for a long time.\n\nNothing."
CAROL = f"{NOVEL * 5}\n\nThe lamp is lit,\nthe boats are gone"
FIRST_CLASS = ["cs", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "zh"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (POEM, "verse"), (PLAY, "script"), (SHOUTED, "script"), (LETTER, "letter"), (NOVEL, "prose"),
        (CAROL, "prose"), ("", "prose"), ("Dear Anna,\n\nhe began, and stopped.", "prose"), ("TIME: Now.", "prose"),
        ("Yes. I came.\n\nNo. You did not.\n\nPerhaps. Who knows?\n\nNever. I was ill.", "prose"),
    ],
)  # fmt: skip
def test_the_kind_is_told_and_in_doubt_it_is_prose(text: str, kind: str) -> None:
    assert judge_kind(text, ENGLISH) == kind


@pytest.mark.parametrize(
    ("code", "letter"),
    [
        ("de", "Liebe Anna,\n\ndie Boote sind da.\n\nDein Tom"),
        ("fr", "Paris, le 3 mars 1912\n\nMa chère Anne,\n\nles bateaux sont là."),
        ("ru", "Милая Анна!\n\nЛодки пришли ночью.\n\nТвой Том"),
        ("pl", "Droga Anno!\n\nŁodzie przypłynęły.\n\nTwój Tomek"),
        ("zh", "亲爱的安娜：\n\n船昨夜到了。\n\n汤姆敬上"),
        ("ja", "拝啓\n\n船が昨夜着きました。\n\n敬具"),
        ("ko", "사랑하는 어머니께,\n\n배가 어젯밤에 왔습니다.\n\n민수 드림"),
    ],
)
def test_a_letter_is_known_by_its_ends(code: str, letter: str) -> None:
    assert judge_kind(letter, read_language(code)) == "letter"


def test_the_brief_names_the_kind() -> None:
    def instruct(text: str) -> str:
        return write_instruction(text, Counter(COMPOUND_WORD.findall(text)))

    assert instruct(POEM) == "Write a poem of about 50 words."
    assert instruct(PLAY) == "Write a scene of a play, of about 30 words."
    assert instruct(LETTER) == "Write a letter of about 20 words."
    assert " words from a novel" in instruct(CAROL)


@pytest.mark.parametrize("code", FIRST_CLASS)
def test_every_language_of_the_first_class_names_each_kind(code: str) -> None:
    language = read_language(code)
    assert language.brief
    sentences = [language.brief.instruction, language.brief.verse, language.brief.script, language.brief.letter]
    assert len(set(sentences)) == len(sentences)
    assert all("{length}" in sentence for sentence in sentences)
    assert language.letter_openings
    assert language.letter_closings
