from collections.abc import Sequence
from dataclasses import replace

import pytest

from scriptorium.contracts.report.retention import Adherence, Retention, RetentionPart, RetentionVerdict
from scriptorium.contracts.report.rewriting import RewriteRole, RewriteSample
from scriptorium.contracts.report.voice import CopiedRun, VoiceOutcome
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.text.languages.language import ENGLISH, read_language
from services.evaluator.impostors import Impostor
from services.evaluator.report.dot_plots import draw_transfer_plot
from services.evaluator.report.headline import describe_voice, write_headline
from services.evaluator.report.page import highlight_copies, render_page
from services.evaluator.retention_outcome import judge_retention
from services.evaluator.voice.features.language_support import describe_language
from services.evaluator.voice.inputs import VoiceInputs
from services.evaluator.voice.measure import LearnedVoice
from services.evaluator.voice_inputs import EvaluationTexts, GenuinePassage
from services.evaluator.voice_outcome import (
    add_retention_gates,
    measure_rewritten,
    measure_voice_outcome,
    summarise_voice,
)
from tests.report_example import make_pair, make_report

BOTH = (make_pair().base, make_pair().tuned.model_copy(update={"finish_reason": make_pair().base.finish_reason}))


@pytest.fixture(scope="module")
def texts(inputs: VoiceInputs) -> EvaluationTexts:
    seen_authors = [Impostor(other.name, tuple(other.texts), True) for other in inputs.seen_impostors]
    unseen_authors = [Impostor(other.name, tuple(other.texts), False) for other in inputs.unseen_impostors]
    return EvaluationTexts(
        language=ENGLISH,
        author_train=list(inputs.author_train),
        author_dev=[],
        author_renamed=[],
        held_out=[GenuinePassage(passage.text, passage.chapter) for passage in inputs.held_out],
        briefs=[passage.brief for passage in inputs.held_out],
        base=list(inputs.base),
        tuned=list(inputs.tuned),
        prompted=list(inputs.base),
        base_calibration=list(inputs.base_calibration),
        impostors=[*seen_authors, *unseen_authors],
    )


@pytest.fixture(scope="module")
def outcome(texts: EvaluationTexts, inputs: VoiceInputs) -> VoiceOutcome:
    return measure_outcome(texts, inputs)


def measure_outcome(
    texts: EvaluationTexts, inputs: VoiceInputs, alike: tuple[str, ...] = ("Unseen 1",)
) -> VoiceOutcome:
    samples = [sample.model_copy(update={"index": n}) for n in range(len(texts.base)) for sample in BOTH]
    return measure_voice_outcome(texts, samples, inputs.losses, alike=alike, seed=7, reporter=SilentReporter())


def test_a_voice_that_came_through(outcome: VoiceOutcome) -> None:
    score = summarise_voice(outcome)
    assert score.verdict == "production"
    assert score.folded is not None
    assert score.folded > 80
    assert score.prompted == pytest.approx(0, abs=1e-6)  # it wrote what the base wrote
    assert score.closest in {f"unseen {number}" for number in range(4)}
    assert write_headline(outcome).startswith("The voice came through. On the way from the base model (0) to you (100)")
    assert describe_voice(score).startswith(f"Voice: T {score.folded:.0f} (95 % interval")


def rewrite_samples(inputs: VoiceInputs, role: RewriteRole, texts: Sequence[str]) -> list[RewriteSample]:
    return [
        RewriteSample(
            role=role, index=index, chapter="I", genuine=inputs.held_out[index].text, messages=[], text=text,
            finish_reason="stop", tokens=1, temperature=1, max_tokens=1, seed=None, model="m", engine=None,
        )
        for index, text in enumerate(texts)
    ]  # fmt: skip


def test_rewritten_drafts_are_placed_between_base_and_author(inputs: VoiceInputs, learned: LearnedVoice) -> None:
    number = 16
    base, tuned = (
        rewrite_samples(inputs, role, texts[:number])
        for role, texts in (("base", inputs.base), ("tuned", inputs.tuned))
    )
    drafts = rewrite_samples(inputs, "draft", ["Somebody goes somewhere."] * number)
    rewritten = measure_rewritten(inputs, learned, [*tuned, *drafts, *base], 7)
    assert rewritten is not None
    assert rewritten.passages == number
    assert rewritten.base.value == pytest.approx(0, abs=1e-6)
    assert rewritten.tuned.value > 80
    copied = rewrite_samples(inputs, "draft", inputs.tuned[:number])
    repeated = measure_rewritten(inputs, learned, [*copied, *base, *tuned], 7)
    assert repeated is not None
    assert repeated.tuned.value == pytest.approx(0, abs=1e-6)  # what is copied from the draft is nobody's voice
    assert measure_rewritten(inputs, learned, [], 7) is None


def test_the_language_of_the_book_goes_with_the_outcome(outcome: VoiceOutcome) -> None:
    assert outcome.language is not None
    assert (outcome.language.code, outcome.language.support) == ("en", "supported")


def test_words_that_no_spaces_part_cannot_be_measured(texts: EvaluationTexts, inputs: VoiceInputs) -> None:
    chinese = ["塔立在岩石上，夜里经过的船都能看见它的灯。" * 20] * 40
    unmeasured = measure_outcome(replace(texts, author_train=chinese, language=read_language("zh")), inputs)
    assert (unmeasured.verdict.name, unmeasured.measured) == ("not_measurable", None)
    assert "cannot be measured in Chinese" in unmeasured.verdict.reasons[0]
    assert len(unmeasured.verdict.reasons) == 1  # and not "has 40 words; 500 are needed"
    assert unmeasured.language is not None
    assert unmeasured.language.support == "unmeasurable"


def test_the_page_says_what_was_left_out_in_another_language(outcome: VoiceOutcome) -> None:
    def render(code: str) -> str:
        changed = outcome.model_copy(update={"language": describe_language(read_language(code))})
        return render_page(make_report().model_copy(update={"voice": changed}), [make_pair()])

    assert "T works in German by what every language has" in render("de")
    assert "no habit of its own: adverbs in -ly" in render("de")
    assert "checked" not in render("en")


def test_without_authors_of_the_same_period_nothing_is_certain(texts: EvaluationTexts, inputs: VoiceInputs) -> None:
    assert measure_outcome(texts, inputs, alike=()).verdict.name == "promising"


def test_too_little_text_is_a_verdict_and_not_a_failure(texts: EvaluationTexts, inputs: VoiceInputs) -> None:
    unmeasured = measure_outcome(replace(texts, base_calibration=[], impostors=[]), inputs)
    assert (unmeasured.verdict.name, unmeasured.measured, draw_transfer_plot(unmeasured)) == (
        "not_measurable",
        None,
        None,
    )
    assert any("what the base wrote for choosing" in reason.lower() for reason in unmeasured.verdict.reasons)
    assert "scriptorium impostors install" in unmeasured.verdict.next_steps[0]
    assert write_headline(unmeasured) == "Whether the voice came through cannot be measured here."
    assert describe_voice(summarise_voice(unmeasured)) == "Voice: not measurable"


def test_a_loss_counts_in_the_verdict(outcome: VoiceOutcome) -> None:
    retention = judge_retention(None, [make_pair()], 42)
    unasked = add_retention_gates(outcome, retention)
    assert unasked.verdict.name == "promising"
    assert "The gate retention could not be measured." in unasked.verdict.reasons
    assert unasked.measured is not None
    assert [gate.code for gate in unasked.measured.gates[-2:]] == ["adherence", "retention"]
    assert unasked.measured.gates[-1].next_step
    gone = RetentionPart(
        code="instructions_lost", verdict=RetentionVerdict.FAIL, message="Gone.", next_step="Train less."
    )
    lost = retention.model_copy(update={"retention": Retention.model_construct(parts=(gone, gone))})
    rejected = add_retention_gates(outcome, lost)
    assert (rejected.verdict.name, rejected.verdict.reasons) == ("rejected", ["Gone."])
    assert write_headline(rejected).startswith("Do not use this model as it is.")


def test_a_model_that_forgets_its_briefs_is_rejected(outcome: VoiceOutcome) -> None:
    strayed = Adherence(briefs=24, base=0.5, tuned=0.3, points=-20.0, low_points=-30.0, high_points=-10.0)
    retention = judge_retention(None, [make_pair()], 42).model_copy(update={"adherence": strayed})
    assert add_retention_gates(outcome, retention).verdict.gates == ["adherence"]


def test_the_picture_has_everybody_on_one_axis(outcome: VoiceOutcome) -> None:
    picture = draw_transfer_plot(outcome)
    assert picture is not None
    assert [bar.kind for bar in picture.rows] == ["tuned", "base", "other", "other", "other", "other", "author"]
    base, _, author = picture.lines
    assert base.at < picture.rows[0].low < picture.rows[0].dot < picture.rows[0].high
    assert picture.rows[2].dot < author.at


def test_copied_runs_are_highlighted_across_paragraphs() -> None:
    text = "One two\n\nthree four \ue000 five"
    copies = [CopiedRun(start=4, end=14, words=2, text=text[4:14]), CopiedRun(start=15, end=19, words=1, text="four")]
    assert highlight_copies(text, copies) == [
        [("One ", False), ("two", True)],
        [("three", True), (" ", False), ("four", True), (" \ufffd five", False)],
    ]
    assert highlight_copies("", []) == []


def test_the_page_shows_it_all(outcome: VoiceOutcome) -> None:
    page = render_page(make_report(voice=outcome), [make_pair()])
    assert page.count("<svg") == 6  # each once for a phone
    assert "Unseen 1" in page
    assert "Habits anybody can count" in page
