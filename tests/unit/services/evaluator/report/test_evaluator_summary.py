import pytest

from scriptorium.contracts import EvaluateResult, LossDrop, VoiceScore
from scriptorium.contracts.report.retention import RetentionPart, RetentionVerdict
from scriptorium.contracts.report.voice import VoiceLanguage
from services.evaluator.report.summary import summarise_loss_drop, write_gain, write_verdict


def drop(value: float, low: float, high: float, passages: int = 24) -> LossDrop:
    return LossDrop(passages=passages, base=3.62, tuned=3.31, drop_percent=value, low_percent=low, high_percent=high)


def result(author: LossDrop, others: LossDrop | None = None) -> EvaluateResult:
    return EvaluateResult(author=author, others=others, samples=12, unseen_impostors=4)


def test_a_clear_gain_of_this_author():
    verdict = write_verdict(result(drop(12, 10, 14), drop(3, 2, 4)), None)
    assert verdict.sentence == (
        "The tuned model finds the held-out chapters 12 % more predictable than the base model does "
        "(95 % interval 10–14 %); other authors’ pages: 3.0 %."
    )
    assert "37 equally likely" in verdict.meaning
    assert "as if between 27" in verdict.meaning
    assert verdict.caveats == [
        "The gain is 9.0 points larger than on other authors’ pages: that much is this author in particular."
    ]


@pytest.mark.parametrize(
    ("author", "others", "words"),
    [
        (drop(12, 10, 14), drop(9, 7, 11), "not clearly smaller"),
        (drop(12, 10, 14), drop(-1, -3, 1), "there was no gain"),
        (drop(12, 10, 14), None, "no other authors’ pages"),
        (drop(-4, -6, -2), None, "led away from the author"),
        (drop(12, 10, 14, passages=3), None, "Few passages were read (3 of the author)"),
    ],
)
def test_caveats(author, others, words):
    assert any(words in caveat for caveat in write_verdict(result(author, others), None).caveats)


@pytest.mark.parametrize(("code", "words"), [("en", None), ("fr", "in French was not"), ("", "in the book's language")])
def test_instructions_in_english_say_nothing_about_another_language(code, words):
    language = VoiceLanguage(code=code, name="French", support="plain", note="")
    part = RetentionPart(code="instructions", verdict=RetentionVerdict.PASS, message="", next_step="")
    caveats = write_verdict(result(drop(12, 10, 14)), None, [part], language=language).caveats
    warnings = [caveat for caveat in caveats if "asked in English" in caveat]
    assert len(warnings) == (words is not None)
    assert all(words in warning for warning in warnings)
    assert not any("asked in English" in caveat for caveat in write_verdict(result(drop(12, 10, 14)), None).caveats)


def test_an_interval_that_touches_zero_is_no_gain():
    verdict = write_verdict(result(drop(1, -0.5, 2.5), drop(-2, -3, 1)), None)
    assert verdict.sentence.startswith("It is not clear")
    assert "−0.5 to 2.5 %, touches zero" in verdict.sentence
    assert verdict.caveats == []


def test_a_loss_of_voice_is_called_one():
    sentence = write_verdict(result(drop(-4, -6, -2)), None).sentence
    assert "4.0 % less predictable" in sentence
    assert "2.0–6.0 %" in sentence


@pytest.mark.parametrize(("parameters", "tiny"), [(134_515_008, True), (8_000_000_000, False), (None, False)])
def test_a_tiny_model_is_called_tiny(parameters, tiny):
    caveats = write_verdict(result(drop(12, 10, 14)), parameters).caveats
    assert any("tiny model" in caveat for caveat in caveats) is tiny


def test_summary_line():
    line = summarise_loss_drop(result(drop(8.6, 7.9, 9.2), drop(1.2, 0.5, 2)))
    assert line == "Held-out loss 3.62 -> 3.31 (-8.6 %, 95 % interval 7.9-9.2); other authors -1.2 %"
    assert summarise_loss_drop(result(drop(-1, -2, 0.5))).endswith("(+1.0 %, 95 % interval -2.0 to 0.5)")


def test_few_impostors_are_a_caveat():
    few = result(drop(12, 10, 14)).model_copy(update={"unseen_impostors": 3})
    caveat = next(text for text in write_verdict(few, None).caveats if "promising at most" in text)
    assert "Of the other authors, 3 could be held back" in caveat
    voice = VoiceScore(verdict="promising", folded=70, low=60, high=80)
    assert (
        caveat not in write_verdict(few.model_copy(update={"voice": voice}), None).caveats
    )  # it is part of the verdict on the voice


def test_what_came_through_is_said_if_it_is_certain():
    assert write_gain(result(drop(12, 10, 14), drop(3, 2, 4))) == (
        "What came through: your held-out chapters became 12 % more predictable to the model, "
        "other authors’ pages 3.0 %."
    )
    assert write_gain(result(drop(1, -1, 3))) is None


@pytest.mark.parametrize(("before", "words"), [(0, None), (1, "after another model"), (2, "after 2 other models")])
def test_the_best_of_several_on_the_same_passages_is_said_to_be_a_little_lucky(before, words):
    caveats = write_verdict(result(drop(12, 10, 14)), None, measured_before=before).caveats
    assert [words in caveat for caveat in caveats if "same test passages" in caveat] == [True] * bool(words)
