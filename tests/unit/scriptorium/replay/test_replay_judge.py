"""The judge of the base's answers, and the languages."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.replay.catalogue import MAX_LENGTH_FACTOR, ReplayRequest
from scriptorium.replay.judge import MAX_COMPRESSION, MIN_LENGTH_FACTOR, compression, judge_answer
from scriptorium.replay.languages import choose_languages, detect_language
from services.evaluator.retention.perplexity import read_neutral_paragraphs

PROSE = read_neutral_paragraphs()
SHORT = ReplayRequest("fact", "What do bees make in their hive?", 40, 0.3, "en", None, lambda text: "honey" in text)
LONG = ReplayRequest("explain", "Explain how tides work. Write about 120 words.", 400, 0.6, "en", 120)
TEXTS = {
    "en": "The tower stands on a rock, and its lamp is seen by the ships that pass at night.",
    "de": "Der Turm steht auf einem Felsen, und sein Licht ist in der Nacht von den Schiffen zu sehen.",
    "fr": "La tour est sur un rocher, et les bateaux qui passent dans la nuit voient sa lampe.",
    "es": "La torre está sobre una roca, y los barcos que pasan por la noche ven su luz.",
    "it": "La torre è su una roccia, e le navi che passano nella notte vedono la sua luce.",
}


@pytest.mark.parametrize(
    ("request_", "answer", "ended", "reason"),
    [
        (LONG, PROSE[2], True, None),
        (LONG, PROSE[2], False, "unfinished"),
        (LONG, " \n ", True, "empty"),
        (LONG, "…", True, "empty"),
        (LONG, f"{LONG.request} {PROSE[2]}", True, "echo"),
        (LONG, "Tides come and go, the moon pulls the water. " * 15, True, "loops"),
        (LONG, TEXTS["de"], True, "wrong_language"),
        (LONG, " ".join(sha256(b"%d" % n).hexdigest()[:7] for n in range(90)), True, "wrong_language"),
        (LONG, TEXTS["en"], True, "too_short"),
        (LONG, f"{PROSE[0]} {PROSE[1]}", True, "too_long"),
        (SHORT, "They make honey.", True, None),
        (SHORT, "They make milk.", True, "wrong"),
        (SHORT, "what do bees make in their hive", True, "echo"),
        (SHORT, "Honey: A Family's Honey Museum", True, "wrong"),
    ],
)
def test_an_answer_is_refused_for_a_reason(request_, answer, ended, reason):
    assert judge_answer(request_, answer, ended) == reason


def test_plain_prose_is_no_loop_and_a_text_said_twice_is():
    whole = " ".join(PROSE).split()
    for words in (60, 120, 300, 600, 1200):
        assert compression(" ".join(whole[:words])) < MAX_COMPRESSION - 0.3
    assert compression(f"{PROSE[0]} {PROSE[0]}") > MAX_COMPRESSION


@given(st.integers(1, 300))
def test_only_the_length_asked_for_is_near_enough(words):
    text = " ".join(" ".join(PROSE).split()[:words])
    reason = judge_answer(LONG, text, ended=True)
    low, high = MIN_LENGTH_FACTOR * 120, MAX_LENGTH_FACTOR * 120
    if words > 1.05 * high:
        assert reason == "too_long"
    elif words < low / 1.05 and reason != "wrong_language":
        assert reason == "too_short"
    elif low * 1.05 < words < high / 1.05:
        assert reason is None


@pytest.mark.parametrize("language", TEXTS)
def test_each_language_is_told_from_the_others(language):
    assert detect_language(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "Die Hand.", "one two three four five six seven eight", "A New Ava's Museum: A"])
def test_what_is_too_short_or_says_nothing_has_no_language(text):
    assert detect_language(text) is None


@given(st.text())
def test_any_text_can_be_judged(text):
    judge_answer(SHORT, text, ended=True)


@pytest.mark.parametrize(
    ("book", "languages"),
    [("German", ("de", "en")), ("fr", ("fr", "en")), ("English", ("en",)), ("Dutch", ("en",)), (None, ("en",))],
)
def test_half_is_asked_in_the_books_language(book, languages):
    assert choose_languages(book) == languages
