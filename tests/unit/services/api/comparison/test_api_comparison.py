from pathlib import Path

import numpy as np
import pytest

from scriptorium.artifacts.report import save_samples
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase, VoiceScore
from scriptorium.contracts.report.document import REPORT, SAMPLES
from scriptorium.contracts.report.voice import VoiceOutcome, VoiceVerdict
from scriptorium.errors import Conflict
from services.api.comparison.comparison import compare_jobs
from tests.report_example import make_report, make_sample, make_voice

PROMPTS = 24


def publish(volume: Volume, job: str, level: float | None, book: str = "book") -> None:
    """A report whose passages lie around a level of T; None where the voice was not measured."""
    noise = np.random.default_rng(1).normal(0, 10, PROMPTS)  # the same briefs are hard for every model
    scores = [level + deviation for deviation in noise] if level is not None else []
    score = VoiceScore(verdict="promising" if scores else "not_measurable", folded=level, low=level, high=level)
    verdict = VoiceVerdict(name=score.verdict, reasons=[], gates=[], next_steps=[])
    report = make_report(
        title=book, voice=VoiceOutcome(verdict=verdict, measured=make_voice(scores) if scores else None)
    )
    report = report.model_copy(update={"tuned": report.tuned.model_copy(update={"model": f"ft:{job}"})})
    folder = volume.attempt(job, Phase.EVALUATE, 1)
    (folder / REPORT).write_text(report.model_dump_json())
    samples = [
        make_sample(role=role, index=index, genuine=f"{book} {index}")
        for index in range(PROMPTS)
        for role in ("base", "tuned")
    ]
    save_samples(folder / SAMPLES, samples)
    volume.publish(job, Phase.EVALUATE, folder, {"request": {}, "result": {}, "seconds": 1})


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_the_same_briefs_are_compared_one_by_one(volume: Volume) -> None:
    publish(volume, "first", 60)
    publish(volume, "second", 63)
    publish(volume, "third", 60)
    comparison = compare_jobs(volume, ["first", "second", "third"])
    better, same = comparison.differences
    assert better.paired
    assert better.points == pytest.approx(3)
    assert better.low == pytest.approx(3)
    assert better.summary == "closer to its author by 3 points of T (95 % interval +3 to +3, the same briefs)"
    assert same.summary.startswith("no clear difference")
    assert [side.model for side in comparison.models] == ["ft:first", "ft:second", "ft:third"]


def test_other_passages_leave_more_doubt(volume: Volume) -> None:
    publish(volume, "first", 60)
    publish(volume, "second", 63, book="another book")
    publish(volume, "third", 30, book="another book")
    close, far = compare_jobs(volume, ["first", "second", "third"]).differences
    assert not close.paired
    assert close.low is not None
    assert close.low < 0
    assert far.summary.startswith("further from its author by 30 points of T")


def test_a_voice_that_was_not_measured(volume: Volume) -> None:
    publish(volume, "first", 60)
    publish(volume, "second", None)
    (difference,) = compare_jobs(volume, ["first", "second"]).differences
    assert (difference.points, difference.summary) == (None, "The voice was not measured in both reports.")


def test_every_job_without_a_report_is_named(volume: Volume) -> None:
    publish(volume, "first", 60)
    with pytest.raises(Conflict) as error:
        compare_jobs(volume, ["first", "second", "third"])
    assert [problem.place for problem in error.value.problems] == ["second", "third"]


def test_every_report_of_another_version_is_named(volume: Volume) -> None:
    publish(volume, "first", 60)
    for job in ("second", "third"):
        publish(volume, job, 60)
        path = volume.folder(job, Phase.EVALUATE) / REPORT
        path.write_text('{"title": "a report of another version"}')
    with pytest.raises(Conflict) as error:
        compare_jobs(volume, ["first", "second", "third"])
    assert [problem.place for problem in error.value.problems] == ["second", "third"]
