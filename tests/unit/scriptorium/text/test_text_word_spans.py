import pytest

from scriptorium.text.languages.detect import detect_language
from scriptorium.text.sentences import split_sentences
from scriptorium.text.word_spans import count_running_words, estimate_words, find_word_spans, part_words

CHINESE = "塔立在岩石上，夜里经过的船都能看见它的灯。"


@pytest.mark.parametrize(
    ("text", "words"),
    [(CHINESE, 13), ("หอคอยตั้งอยู่บนหิน", 5), ("It’s a well-known lamp -- his.", 6), ("타워는 바위 위에", 3)],
)
def test_words_are_counted_with_and_without_spaces(text: str, words: int) -> None:
    assert count_running_words(text) == words


def test_no_character_is_between_words_of_a_run() -> None:
    text = f"「{CHINESE}」 Anna 𠀀"
    assert "".join(text[start:end] for start, end in find_word_spans(text)) == text.replace(" ", "")
    assert part_words("l’homme d’ici") == "l’homme d’ici"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Er rief: »Halt!« Dann ging er.", 2),
        ("„Komm.“ Er ging.", 2),
        ("« Bonjour. » Il partit.", 2),
        ("「行く。」彼は言った。", 2),
    ],
)
def test_quotes_of_every_style_close_a_sentence(text: str, sentences: int) -> None:
    assert len([part for part in split_sentences(text) if part.strip()]) == sentences
    assert "".join(split_sentences(text)) == text


def test_korean_and_czech_are_known() -> None:
    assert detect_language("탑은 바위 위에 서 있고 밤에 지나가는 배들은 그 불빛을 본다.") == "ko"
    assert detect_language("Věž stojí na skále a lodě, které v noci plují, se dívají, jak její světlo září.") == "cs"


@pytest.mark.parametrize("text", [CHINESE * 50, f"Anna said {CHINESE * 50}", "She said - it’s late."])
def test_an_estimate_is_near_the_count(text: str) -> None:
    assert estimate_words(text) == pytest.approx(count_running_words(text), rel=0.25)
