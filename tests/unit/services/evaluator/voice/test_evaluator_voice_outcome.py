from dataclasses import replace

import pytest

from scriptorium.jobs.reporter import SilentReporter
from services.evaluator import impostors
from services.evaluator.report.headline import headline, tell
from services.evaluator.report.highlight_copies import mark_copies
from services.evaluator.report.page import render_page
from services.evaluator.report.transfer_plot import draw_places
from services.evaluator.retention.result import Adherence, Part, Retention
from services.evaluator.retention.result import Verdict as Lost
from services.evaluator.retention_outcome import judge_kept
from services.evaluator.voice.inputs import Material
from services.evaluator.voice.result import Copied
from services.evaluator.voice_inputs import Genuine, Texts
from services.evaluator.voice_outcome import VoiceOutcome, find_outcome, score, weigh
from tests.report_findings import findings, pair

BOTH = (pair().base, pair().tuned.model_copy(update={"finish_reason": pair().base.finish_reason}))


@pytest.fixture(scope="module")
def texts(material: Material) -> Texts:
    seen = [impostors.Impostor(other.name, tuple(other.texts), True) for other in material.seen]
    unseen = [impostors.Impostor(other.name, tuple(other.texts), False) for other in material.unseen]
    return Texts(
        author_train=list(material.author_train),
        author_dev=[],
        held_out=[Genuine(passage.text, passage.chapter) for passage in material.held_out],
        briefs=[passage.brief for passage in material.held_out],
        base=list(material.base),
        tuned=list(material.tuned),
        prompted=list(material.base),
        base_calibration=list(material.base_calibration),
        impostors=[*seen, *unseen],
    )


@pytest.fixture(scope="module")
def outcome(texts: Texts, material: Material) -> VoiceOutcome:
    return hear(texts, material)


def hear(texts: Texts, material: Material, alike: tuple[str, ...] = ("Unseen 1",)) -> VoiceOutcome:
    samples = [sample.model_copy(update={"index": n}) for n in range(len(texts.base)) for sample in BOTH]
    return find_outcome(texts, samples, material.losses, alike=alike, seed=7, reporter=SilentReporter())


def test_a_voice_that_came_through(outcome: VoiceOutcome) -> None:
    found = score(outcome)
    assert found.verdict == "production"
    assert found.folded is not None
    assert found.folded > 80
    assert found.prompted == pytest.approx(0, abs=1e-6)  # it wrote what the base wrote
    assert found.closest in {f"unseen {number}" for number in range(4)}
    assert headline(outcome).startswith("The voice came through. On the way from the base model (0) to you (100)")
    assert tell(found).startswith(f"Voice: T {found.folded:.0f} (95 % interval")


def test_without_a_word_on_who_is_alike_nothing_is_certain(texts: Texts, material: Material) -> None:
    assert hear(texts, material, alike=()).verdict.name == "promising"


def test_too_little_text_is_a_verdict_and_no_failure(texts: Texts, material: Material) -> None:
    found = hear(replace(texts, base_calibration=[], impostors=[]), material)
    assert (found.verdict.name, found.measured, draw_places(found)) == ("not_measurable", None, None)
    assert any("what the base wrote from dev briefs" in reason.lower() for reason in found.verdict.reasons)
    assert "scriptorium impostors install" in found.verdict.next_steps[0]
    assert headline(found) == "Whether the voice came through cannot be measured here."
    assert tell(score(found)) == "Voice: not measurable"


def test_what_was_lost_weighs(outcome: VoiceOutcome) -> None:
    kept = judge_kept(None, [pair()], 42)
    unasked = weigh(outcome, kept)
    assert unasked.verdict.name == "promising"
    assert "The gate retention could not be measured." in unasked.verdict.reasons
    assert unasked.measured is not None
    assert [gate.code for gate in unasked.measured.gates[-2:]] == ["adherence", "retention"]
    assert unasked.measured.gates[-1].next_step
    gone = Part(code="instructions_lost", verdict=Lost.FAIL, message="Gone.", next_step="Train less.")
    lost = kept.model_copy(update={"retention": Retention.model_construct(parts=(gone, gone))})
    rejected = weigh(outcome, lost)
    assert (rejected.verdict.name, rejected.verdict.reasons) == ("rejected", ["Gone."])
    assert headline(rejected).startswith("Do not use this model as it is.")


def test_a_model_that_forgets_its_briefs_is_rejected(outcome: VoiceOutcome) -> None:
    strayed = Adherence(briefs=24, base=0.5, tuned=0.3, points=-20.0, low_points=-30.0, high_points=-10.0)
    kept = judge_kept(None, [pair()], 42).model_copy(update={"adherence": strayed})
    assert weigh(outcome, kept).verdict.gates == ["adherence"]


def test_the_picture_has_everybody_on_one_axis(outcome: VoiceOutcome) -> None:
    picture = draw_places(outcome)
    assert picture is not None
    assert [bar.kind for bar in picture.bars] == ["tuned", "base", "other", "other", "other", "other", "author"]
    base, _, author = picture.lines
    assert base.at < picture.bars[0].low < picture.bars[0].dot < picture.bars[0].high
    assert picture.bars[2].dot < author.at


def test_copied_runs_are_marked_across_paragraphs() -> None:
    text = "One two\n\nthree four \ue000 five"
    copies = [Copied(start=4, end=14, words=2, text=text[4:14]), Copied(start=15, end=19, words=1, text="four")]
    assert mark_copies(text, copies) == [
        [("One ", False), ("two", True)],
        [("three", True), (" ", False), ("four", True), (" \ufffd five", False)],
    ]
    assert mark_copies("", []) == []


def test_the_page_shows_it_all(outcome: VoiceOutcome) -> None:
    page = render_page(findings(voice=outcome), [pair()])
    assert page.count("<svg") == 3
    assert "Unseen 1" in page
    assert "Habits anybody can count" in page
