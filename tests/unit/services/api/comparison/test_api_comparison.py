import json
from pathlib import Path

import numpy as np
import pytest

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import EvaluateResult, LossDrop, Phase, VoiceScore
from scriptorium.errors import Conflict
from services.api.comparison.comparison import compare_jobs

DROP = LossDrop(passages=9, base=3, tuned=2, drop_percent=12, low_percent=10, high_percent=14)
PROMPTS = 24


def publish(volume: Volume, job: str, level: float | None, book: str = "book") -> None:
    """A report whose passages lie around a level of T; None where the voice was not measured."""
    noise = np.random.default_rng(1).normal(0, 10, PROMPTS)  # the same briefs are hard for every model
    told = [{"scores": {"words": level + n, "grammar": level + n}} for n in noise] if level is not None else []
    score = VoiceScore(verdict="promising" if told else "not_measurable", folded=level, low=level, high=level)
    body = {
        "tuned": {"model": f"ft:{job}"},
        "title": book,
        "created_at": 1,
        "result": EvaluateResult(author=DROP, others=None, samples=PROMPTS, voice=score).model_dump(mode="json"),
        "voice": {"verdict": {}, "measured": {"samples": told} if told else None},
    }
    folder = volume.attempt(job, Phase.EVALUATE, 1)
    (folder / "report.json").write_text(json.dumps(body))
    lines = [
        {
            "role": role,
            "split": "test",
            "index": n,
            "chapter": "1",
            "author": "A",
            "genuine": f"{book} {n}",
            "text": "x",
        }
        for n in range(PROMPTS)
        for role in ("base", "tuned")
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    volume.publish(job, Phase.EVALUATE, folder, {"request": {}, "result": {}, "seconds": 1})


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_the_same_briefs_are_compared_one_by_one(volume: Volume) -> None:
    publish(volume, "first", 60)
    publish(volume, "second", 63)
    publish(volume, "third", 60)
    found = compare_jobs(volume, ["first", "second", "third"])
    better, same = found.differences
    assert better.paired
    assert better.points == pytest.approx(3)
    assert better.low == pytest.approx(3)
    assert better.summary == "closer to its author by 3 points of T (95 % interval +3 to +3, the same briefs)"
    assert same.summary.startswith("no clear difference")
    assert [side.model for side in found.models] == ["ft:first", "ft:second", "ft:third"]


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
