"""What keeps the base's instructions beside replay: each lever against replay alone, on the small model: `make levers`.

A variant is a training of one author with one checkpoint, then the trials that calibrating judges: the adapter at
strength 1 and the base write dev briefs and answer dev instructions. No test passage is read. `system` has a dataset
of its own, so its 0 of the scale is the base with the same system message; the others share one trial of the base.
Everything lies in build/levers; the base's own answers of `make voice` are taken over if they are there. A stopped
run resumes after its last finished stage, `--fresh` starts again.
The last line is `levers: best=<name> T=<n> kept=<tuned>/<base> replay_T=<n> replay_kept=<tuned>/<base>`: the most T
of the variants that surely keep the instructions, or, if none does, the one that loses least.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import voice_run
from bench.voice_run import ALIKE, AUTHORS, Author, make_recipe, or_nan, prepare, result_of
from scriptorium.artifacts.trials import BASE as BASE_TRIAL
from scriptorium.artifacts.trials import FOLDER as TRIALS
from scriptorium.artifacts.trials import read_trials
from scriptorium.cli.by_hand import run_into
from scriptorium.contracts import CalibrateRequest, CalibrateResult, TrainRequest, TrainResult, TrialScore
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.local.environments import PROJECT
from scriptorium.local.impostors import install
from scriptorium.recipe import Calibration, Recipe
from scriptorium.recipe_overrides import apply_overrides
from services.evaluator.calibrate import calibrate_voice
from services.evaluator.calibration.choose import INTERVAL_ERRORS, balance
from services.trainer.train import train_adapter

WORK = PROJECT / "build" / "levers"
CALIBRATION = Calibration(strengths=[1.0], briefs=24, instructions=96)
DEV_ROWS = 16  # for the selectivity
REPLAY = "replay"


@dataclass(frozen=True)
class Variant:
    """A lever: the steps of its training as a factor of replay's, and other values of the recipe than replay has."""

    steps: float = 1.0
    rate: float = 1.0  # times the recipe's learning rate
    training: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LeverOutcome:
    """What a variant came to: its score on dev text, and the seconds of its steps and of the whole training phase."""

    score: TrialScore
    step_seconds: float
    seconds: float


VARIANTS = {
    # a cosine has all but ended when the recovery begins; half of its height, constant, moves the weights as far
    "recovery": Variant(rate=0.5, training={"recovery": 0.5, "lr_scheduler": "constant"}),
    REPLAY: Variant(),
    "system": Variant(data={"system": "You are the author of this novel. You write its scenes."}),
    "no-replay": Variant(training={"keep": 0}),
    "kl": Variant(training={"kl_weight": 0.1}),
    "slow": Variant(steps=1.5, rate=0.5),
    "eaft": Variant(training={"use_eaft": True}),
}


def main() -> None:
    """Run every stage that is not finished yet, print the table and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="delete the folders of an earlier run")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="replay always runs")
    parser.add_argument("--steps", type=int, default=voice_run.STEPS, help="without replay, which adds its share")
    parser.add_argument("--author", choices=[author.name for author in AUTHORS], default=AUTHORS[0].name)
    options = parser.parse_args()
    author = next(author for author in AUTHORS if author.name == options.author)
    folder = WORK / f"{author.name}-{options.steps}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    references = collect_inputs(author)
    base = (demo_assets().models / BASE).resolve()
    names = list(dict.fromkeys([REPLAY, *options.variants]))
    recipes = {name: make_variant_recipe(VARIANTS[name], options.steps) for name in names}  # a mistake shows at once
    shared = prepare(author, folder / "dataset", base, recipes[REPLAY], work=WORK, references=references)
    outcomes = {}
    for name, recipe in recipes.items():
        print(f"\n--- {name}", flush=True)
        output, changed = folder / name / "dataset", bool(VARIANTS[name].data)
        dataset = prepare(author, output, base, recipe, work=WORK, references=references) if changed else shared
        base_trial = None if changed else folder / REPLAY / "training" / TRIALS / f"{BASE_TRIAL}.json"
        outcomes[name] = run_variant(folder / name, dataset, base, recipe, base_trial)
    print_results(outcomes)


def collect_inputs(author: Author) -> Path:
    """Install the other authors, take the base's answers over from `make voice`, and return a folder of references.

    Those are a work of each similar author, for the selectivity.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    install(WORK / "impostors")
    if (voice_run.WORK / "replay").exists() and not (WORK / "replay").exists():
        shutil.copytree(voice_run.WORK / "replay", WORK / "replay")
    references = WORK / f"references-{author.name}"
    references.mkdir(exist_ok=True)
    for other in ALIKE:
        if other != author.name:
            first = min((WORK / "impostors" / other).iterdir())
            shutil.copyfile(first, references / f"{other}.txt")
    return references


def make_variant_recipe(variant: Variant, steps: int) -> Recipe:
    """Return the recipe of `make voice` with one checkpoint and the lever's own values. Raises InvalidRecipe."""
    recipe = make_recipe(round(variant.steps * steps), voice_run.KEEP)
    rate = recipe.training.learning_rate
    assert rate != "auto"  # noqa: S101  # recipe cpu has a number
    training = {"checkpoints": 1, "dev_rows": DEV_ROWS, "learning_rate": variant.rate * rate, **variant.training}
    changed = apply_overrides(recipe, {"training": training, "data": dict(variant.data)})
    return changed.model_copy(update={"calibration": CALIBRATION})


def run_variant(work: Path, dataset: Path, base: Path, recipe: Recipe, base_trial: Path | None) -> LeverOutcome:
    """Train, try and judge one variant in its own folder; `base_trial` is one of the base on the same dataset."""
    training, calibration = work / "training", work / "calibration"
    work.mkdir(parents=True, exist_ok=True)
    if not training.exists():
        request = TrainRequest(
            dataset=dataset, base=base, training=recipe.training, calibration=recipe.calibration,
            replay_cache=WORK / "replay",
        )  # fmt: skip
        run_into(training, lambda attempt: train(request, attempt, base_trial))
    if not calibration.exists():
        calibrate_request = CalibrateRequest(
            dataset=dataset, training=training, tokenizer=base, select="balance", alike=ALIKE
        )
        run_into(calibration, lambda attempt: calibrate_voice(calibrate_request, attempt, ConsoleReporter()))
    result = TrainResult.model_validate(result_of(training))
    (score,) = CalibrateResult.model_validate(result_of(calibration)).scores
    step_seconds = result.trained_tokens / result.tokens_per_second if result.tokens_per_second else float("nan")
    return LeverOutcome(score, step_seconds, result.seconds)


def train(request: TrainRequest, folder: Path, base_trial: Path | None) -> TrainResult:
    """Train and try; the base is not tried again if there is a trial of it. Ends the program if the trials failed."""
    if base_trial and base_trial.exists():
        (folder / TRIALS).mkdir()
        shutil.copyfile(base_trial, folder / TRIALS / base_trial.name)
    result = train_adapter(request, folder, ConsoleReporter())
    if not read_trials(folder):
        raise SystemExit(f"levers: the trials failed, see {folder / 'trials.log'}; the next run trains again")
    return result


def print_results(outcomes: Mapping[str, LeverOutcome]) -> None:
    """Print the table, a line for each variant, and the last line."""
    titles = f"{'temperature':>12}{'long':>12}{'selectivity':>12}{'steps s':>9}{'all s':>7}"
    print(f"\n{'variant':12}{'T':>5}{'±':>5}{'kept':>8}{'sure':>6}{titles}")
    for name, outcome in outcomes.items():
        score = outcome.score
        error = (or_nan(score.high) - or_nan(score.low)) / INTERVAL_ERRORS
        long = f"{or_nan(score.long_enough):.0%}/{or_nan(score.base_long_enough):.0%}"
        print(
            f"{name:12}{or_nan(score.transfer):5.0f}{error:5.1f}{fraction(score):>8}{'yes' if score.kept else 'no':>6}"
            f"{score.temperature:12.2f}{long:>12}{or_nan(score.selectivity):12.3f}"
            f"{outcome.step_seconds:9.0f}{outcome.seconds:7.0f}"
        )
    best = balance([outcome.score for outcome in outcomes.values()]).score
    name = next(name for name, outcome in outcomes.items() if outcome.score is best)
    replay = outcomes[REPLAY].score
    print(
        f"levers: best={name} T={or_nan(best.transfer):.0f} kept={fraction(best)} "
        f"replay_T={or_nan(replay.transfer):.0f} replay_kept={fraction(replay)}"
    )


def fraction(score: TrialScore) -> str:
    """Return the dev instructions that the tuned model and the base followed."""
    return f"{score.followed}/{score.base_followed}"


if __name__ == "__main__":
    main()
