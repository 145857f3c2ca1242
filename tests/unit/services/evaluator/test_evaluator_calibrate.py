"""Calibrating, with made-up authors: trials that write between the base and the author, and answer more or less."""

import json
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import IMPOSTORS, OtherAuthor, Row, write_rows
from scriptorium.artifacts.trials import TemperaturePoint, Trial, TrialPassage, trial_path
from scriptorium.contracts import CalibrateRequest, CalibrateResult
from scriptorium.instructions.instruction import Instruction
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.calibrate import CALIBRATION, NO_TRIALS, PICTURE, calibrate_voice
from tests.made_up_authors import write_passages

AUTHOR, BASE, BRIEFS, ASKED = 1, 2, 16, 96


def follow(number: int) -> list[Instruction]:
    """Return instructions that only the answer "yes" follows."""
    return [Instruction("kind", f"Say it {index}.", lambda answer: answer == "yes") for index in range(number)]


def make_dataset(folder: Path) -> None:
    def rows(seed: int, count: int) -> list[Row]:
        return [
            Row(
                messages=[{"role": "user", "content": "Write."}, {"role": "assistant", "content": passage}],
                chapter=f"Chapter {number % 3}",
                author="Anon",
            )
            for number, passage in enumerate(write_passages(AUTHOR, seed, count))
        ]

    write_rows(folder / "train.jsonl", rows(1, 40))
    write_rows(folder / "dev.jsonl", rows(2, BRIEFS))
    others = [OtherAuthor(author=f"Other {n}", works=write_passages(10 + n, 1, 12)) for n in range(6)]
    (folder / IMPOSTORS).write_text("".join(f"{other.model_dump_json()}\n" for other in others))


def make_trial(step: int | None, strength: float, passages: list[str], followed: int) -> Trial:
    return Trial(
        step=step,
        strength=strength,
        temperature=0.8 + strength / 10,
        temperatures=[TemperaturePoint(temperature=0.8, loss=3.0), TemperaturePoint(temperature=1.0, loss=4.0)],
        genuine_loss=3.6,
        passages=[TrialPassage(brief=n, text=text, tokens=9, ended=True) for n, text in enumerate(passages)],
        answers=["yes"] * followed + ["no"] * (ASKED - followed),
        selectivity=strength,
    )


def save(training: Path, *trials: Trial) -> None:
    for trial in trials:
        path = trial_path(training, trial.step, trial.strength)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trial.model_dump_json())


@pytest.fixture
def request_(tmp_path: Path) -> CalibrateRequest:
    make_dataset(tmp_path / "dataset")
    return CalibrateRequest(dataset=tmp_path / "dataset", training=tmp_path / "training", tokenizer=tmp_path)


def run(request: CalibrateRequest, folder: Path, reporter: SilentReporter | None = None) -> CalibrateResult:
    return calibrate_voice(request, folder, reporter or SilentReporter(), write_instructions=follow)


def save_all(training: Path) -> None:
    """Save the base; a trial half way to the author that keeps the instructions; one at the author that loses them."""
    base, author = write_passages(BASE, 3, BRIEFS), write_passages(AUTHOR, 4, BRIEFS)
    half = [author[n] if n % 2 else base[n] for n in range(BRIEFS)]
    save(
        training,
        make_trial(None, 0.0, base, 40),
        make_trial(240, 0.5, half, 40),
        make_trial(240, 1.0, [*author[:-4], *("It rained. " for _ in range(4))], 12),
    )


def test_the_voice_and_the_instructions_of_each_trial_are_weighed(request_: CalibrateRequest, tmp_path: Path) -> None:
    save_all(request_.training)
    reporter = SilentReporter()
    result = run(request_, tmp_path, reporter)
    half, whole = result.scores
    assert half.transfer is not None
    assert whole.transfer is not None
    assert 25 < half.transfer < whole.transfer < 90
    assert (half.kept, whole.kept) == (True, False)
    assert (half.asked, half.base_followed, whole.followed) == (96, 40, 12)
    assert (half.long_enough, whole.long_enough, whole.base_long_enough) == (1.0, 0.75, 1.0)
    assert (result.step, result.strength, result.temperature) == (240, 0.5, pytest.approx(0.85))
    assert result.base_temperature == pytest.approx(0.8)
    assert (half.chosen, whole.chosen, result.genuine_loss) == (True, False, 3.6)
    assert json.loads((tmp_path / CALIBRATION).read_text()) == json.loads(result.model_dump_json())
    assert "chosen" in (tmp_path / PICTURE).read_text()
    lines = [line for line in reporter.messages if line.startswith("[CALIBRATE] Checkpoint 240 at strength ")]
    assert len(lines) == 3  # both trials and the choice


def test_a_strength_that_is_given_stays_and_takes_the_nearest_temperature(
    request_: CalibrateRequest, tmp_path: Path
) -> None:
    save_all(request_.training)
    result = run(request_.model_copy(update={"strength": 0.9, "checkpoint": 240, "select": "loss"}), tmp_path)
    assert (result.step, result.strength, result.temperature) == (240, 0.9, pytest.approx(0.9))
    assert run(request_.model_copy(update={"select": "voice"}), tmp_path).step is None


def test_too_few_dev_briefs_leave_the_choice_to_selectivity(request_: CalibrateRequest, tmp_path: Path) -> None:
    base = write_passages(BASE, 3, 4)
    save(request_.training, make_trial(None, 0.0, base, 40), *(make_trial(240, s, base, 40) for s in (0.5, 1.0)))
    result = run(request_, tmp_path)
    assert [score.transfer for score in result.scores] == [None, None]
    assert result.strength == 1.0
    assert "T cannot be measured on the chapters kept for choosing, so selectivity decides." in result.reason
    assert not (tmp_path / PICTURE).exists()


def test_nothing_tried_is_a_result(request_: CalibrateRequest, tmp_path: Path) -> None:
    result = run(request_, tmp_path)
    assert (result.step, result.strength, result.temperature, result.reason) == (None, 1.0, 1.0, NO_TRIALS)
