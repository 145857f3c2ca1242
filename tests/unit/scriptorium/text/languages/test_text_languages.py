from collections import Counter

import pytest

from scriptorium.text.languages.detect import detect_book_language, detect_language, rank_languages
from scriptorium.text.languages.language import ENGLISH, UNKNOWN, list_codes, read_language
from services.evaluator.voice.features.language_support import describe_language

PROSE = {
    "en": "The tower stands on a rock, and the ships that pass in the night can see its lamp.",
    "de": "Der Turm steht auf einem Felsen, und die Schiffe, die nachts vorbeifahren, sehen sein Licht.",
    "fr": "La tour est sur un rocher, et les bateaux qui passent dans la nuit voient sa lampe, qu'on n'éteint pas.",
    "es": "La torre está sobre una roca, y los barcos que pasan por la noche ven su luz.",
    "it": "La torre è su una roccia, e le navi che passano nella notte vedono la sua luce.",
    "pt": "A torre está sobre uma rocha, e os navios que passam de noite não deixam de ver a sua luz.",
    "nl": "De toren staat op een rots, en de schepen die in de nacht voorbij varen zien het licht dat er brandt.",
    "pl": "To jest wieża, która stoi na skale, a statki nie tylko w nocy, ale już za dnia ją widzą, jak i on.",
    "ru": "Башня стоит на скале, и корабли, что идут ночью, видят, как она горит, но не все.",
    "zh": "塔立在岩石上，夜里经过的船都能看见它的灯。",
    "ja": "塔は岩の上に立っていて、夜に通る船はその灯りを見ます。",
}


@pytest.mark.parametrize("code", PROSE)
def test_a_language_is_detected(code: str) -> None:
    assert detect_language(PROSE[code]) == code


@pytest.mark.parametrize("text", ["", "Oui.", "one two three four five six seven eight", "ping " * 20])
def test_what_says_nothing_has_no_language(text: str) -> None:
    assert detect_language(text) is None


def test_only_the_languages_asked_for_are_detected() -> None:
    assert detect_language(PROSE["ru"], among=("en", "fr")) is None
    assert detect_language(PROSE["zh"], among=("en", "fr")) is None
    assert [code for code, _ in rank_languages(Counter(["die", "und"]), ("fr", "de"))] == ["de", "fr"]


def test_a_book_has_the_language_of_most_of_its_passages() -> None:
    assert detect_book_language([PROSE["de"], PROSE["en"], PROSE["de"]]).code == "de"
    assert detect_book_language(["Xyzzy."]) == UNKNOWN
    assert detect_book_language([]) == UNKNOWN


@pytest.mark.parametrize("code", list_codes())
def test_words_are_as_their_users_look_them_up(code: str) -> None:
    language = read_language(code)
    fields = (
        "small_words",
        "titles",
        "personal_pronouns",
        "first_person",
        "third_person",
        "determiners",
        "conjunctions",
    )
    words = {word for field in (*fields, "elisions") for word in getattr(language, field)}
    assert not [word for word in words if word != word.lower() or "’" in word]
    assert all(len(pair) == 2 for pair in language.quotes)
    assert language.first_person <= language.personal_pronouns
    assert not language.first_person & language.third_person
    # A class that ends like one before it would never be used.
    endings = language.endings
    assert not [
        ending for index, ending in enumerate(endings) if any(ending.endswith(before) for before in endings[:index])
    ]


@pytest.mark.parametrize("code", [code for code in list_codes() if read_language(code).brief])
def test_the_sentences_of_a_brief_have_their_places(code: str) -> None:
    brief = read_language(code).brief
    assert brief is not None
    assert brief.instruction.format(length=300, view=brief.first_person, dialogue=brief.no_dialogue).count("300") == 1
    assert "Ada" in brief.people.format(names="Ada")
    assert "lamp" in brief.topics.format(topics="lamp")


def test_elided_words_stand_apart() -> None:
    french = read_language("fr")
    assert french.separate("L'homme d’Artagnan, aujourd'hui qu'il") == "L' homme d’ Artagnan, aujourd'hui qu' il"
    assert french.separate(french.separate("l'homme")) == "l' homme"
    assert ENGLISH.separate("d'Artagnan") == "d'Artagnan"


def test_the_report_says_what_can_be_measured() -> None:
    english, french, german, danish = (describe_language(read_language(code)) for code in ("en", "fr", "de", "da"))
    assert english.support == "supported"
    assert not english.left_out
    assert french.support == "supported"
    assert french.left_out == ["no habit of its own: contractions"]
    assert german.support == "plain"
    assert "German" in german.note
    assert any("pronouns" in reason for reason in danish.left_out)
    assert describe_language(read_language("zh")).support == "unmeasurable"
    assert describe_language(UNKNOWN).support == "plain"
