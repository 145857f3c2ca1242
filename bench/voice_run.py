"""A real run on the small model, for two authors and with controls: `make voice`.

Each author's model goes through the phases of a job on the CPU: the base's answers are replayed in training, strength
and temperature are calibrated on dev passages, the adapter is merged at that strength, vLLM serves it, and it is
measured against its base on held-out chapters. Controls on the first author's chapters:
  wrong author  the second author's model
  seed recipe   the first author's passages with one constant instruction, whole strength, nothing replayed
Each stage's folder stays in build/voice; a stopped run resumes after its last finished stage, `--fresh` starts again.
The last line is `voice-run: authors=2 production=<n> T=<n>/<n> lcb=<n>/<n> kept=<tuned>/<base>,<tuned>/<base>
unseen_kinds=<tuned>/<base>,<tuned>/<base> leak=<n>/<n> wrong_author=<n> seed_recipe=<n> train_s=<n>/<n>
eval_s=<n>/<n>`, where leak is the percentage of new scenes with names of the book;
the report of the first is copied to docs/example. `--author NAME` runs one author alone, as `authors=1`.
"""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bench.serve import serve_folder
from scriptorium.artifacts import manifest
from scriptorium.artifacts.training_log import TRAINING_LOG
from scriptorium.cli.by_hand import run_into
from scriptorium.contracts import (
    CalibrateRequest,
    CalibrateResult,
    Endpoint,
    EvaluateRequest,
    EvaluateResult,
    MergeRequest,
    PrepareRequest,
    TrainRequest,
    TrainResult,
)
from scriptorium.contracts.report.document import REPORT, REPORT_PAGE, SAMPLES, Report
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.local.environments import DEMO, PROJECT
from scriptorium.local.impostors import CORPORA, install
from scriptorium.recipe import Calibration, Recipe, Split, load_recipe
from scriptorium.settings import Settings
from services.data.prepare import prepare_manuscript
from services.evaluator.calibrate import calibrate_voice
from services.evaluator.evaluate import evaluate_voice
from services.merger.merge import merge_adapter
from services.trainer.train import train_adapter

WORK, EXAMPLE = PROJECT / "build" / "voice", PROJECT / "docs" / "example"
ALIKE = ["crane", "twain", "hawthorne", "irving", "cooper"]  # Americans who wrote novels in the hundred years before
STEPS, CHECKPOINTS, KEEP = 240, 2, 0.05
CALIBRATION = Calibration(strengths=[0.75, 1.0], briefs=16, instructions=64)  # a trial takes two minutes on two cores
CONTEXT, MAX_TOKENS, PROMPTS, INSTRUCTIONS = 2048, 640, 48, 192


@dataclass(frozen=True)
class Author:
    """An author of the run: a name for folders, the report's title, and the files of the manuscript."""

    name: str
    title: str
    files: str
    split: Split


AUTHORS = (  # of 110,000 and 70,000 words
    Author("burroughs", "A novel by Edgar Rice Burroughs", "problemG/Gtrain02-02.txt", Split()),
    Author(
        "cooper", "Novels by James Fenimore Cooper", "problemC/Ctrain01-*.txt", Split(dev=0.12, test=0.28)
    ),  # 70,000
)


def main() -> None:
    """Run every stage that is not finished yet, print the numbers and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="delete the folders of an earlier run")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--keep", type=float, default=KEEP, help="share of the trained tokens that is replayed")
    parser.add_argument("--author", choices=[author.name for author in AUTHORS], help="run this author, no controls")
    parser.add_argument("--no-controls", action="store_true", help="leave out the seed recipe's model")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    install(WORK / "impostors")
    base = (demo_assets().models / BASE).resolve()
    recipe = make_recipe(options.steps, options.keep)
    if options.author:
        (author,) = (author for author in AUTHORS if author.name == options.author)
        print_results({author.name: run_author(author, base, recipe)})
        return
    results = {author.name: run_author(author, base, recipe) for author in AUTHORS}
    first, second = AUTHORS
    results["wrong author"] = measure("wrong author", first, WORK / second.name, WORK / first.name / "dataset", base)
    if not options.no_controls:
        results["seed recipe"] = run_seed_recipe(first, base, recipe)
    print_results(results)
    copy_example(first)


def make_recipe(steps: int, keep: float) -> Recipe:
    """Return recipe cpu with as many steps as a novel needs, with replay and trials."""
    recipe = load_recipe(PROJECT / "recipes" / "cpu.yaml")
    training = recipe.training.model_copy(
        update={"max_steps": steps, "num_epochs": 3, "checkpoints": CHECKPOINTS, "keep": keep}
    )
    return recipe.model_copy(update={"training": training, "calibration": CALIBRATION, "select": "balance"})


def run_author(author: Author, base: Path, recipe: Recipe) -> EvaluateResult:
    """Take one author through every phase."""
    print(f"\n--- {author.name}", flush=True)
    folder = WORK / author.name
    dataset = prepare(author, folder / "dataset", base, recipe)
    train(folder, dataset, base, recipe)
    return measure(author.title, author, folder, dataset, base)


def run_seed_recipe(author: Author, base: Path, recipe: Recipe) -> EvaluateResult:
    """Train on one constant instruction for every passage, as by hand; it is measured on the author's own briefs."""
    print("\n--- seed recipe", flush=True)
    folder = WORK / "seed recipe"
    data = recipe.data.model_copy(update={"prompt": "continue"})
    training = recipe.training.model_copy(update={"keep": 0.0})
    plain = recipe.model_copy(update={"data": data, "training": training, "calibration": Calibration(strengths=[])})
    train(folder, prepare(author, folder / "dataset", base, plain), base, plain)
    return measure("seed recipe", author, folder, WORK / author.name / "dataset", base)


def prepare(
    author: Author, output: Path, base: Path, recipe: Recipe, *, work: Path = WORK, references: Path | None = None
) -> Path:
    """Prepare an author's manuscript as a dataset; `work` has the impostors, and gets the manuscript."""
    book = work / "manuscripts" / author.name
    book.mkdir(parents=True, exist_ok=True)
    for path in (DEMO / "packages" / CORPORA).glob(author.files):
        shutil.copyfile(path, book / path.name)
    request = PrepareRequest(
        manuscript=book, filename=author.name, base=base, prompt=recipe.data.prompt, chunking=recipe.data.chunking,
        split=author.split, sequence_len=recipe.training.sequence_len, impostors=work / "impostors",
        impostors_name="impostors", references=references, system=recipe.data.system,
    )  # fmt: skip
    if not output.exists():
        output.parent.mkdir(exist_ok=True)
        run_into(output, lambda folder: prepare_manuscript(request, folder, ConsoleReporter()))
    return output


def train(work: Path, dataset: Path, base: Path, recipe: Recipe) -> None:
    """Train on a dataset, choose strength and temperature, and merge."""
    training, calibration, merged = work / "training", work / "calibration", work / "merged"
    if not training.exists():
        request = TrainRequest(
            dataset=dataset, base=base, training=recipe.training, calibration=recipe.calibration,
            replay_cache=WORK / "replay",
        )  # fmt: skip
        run_into(training, lambda folder: train_adapter(request, folder, ConsoleReporter()))
    if not calibration.exists():
        calibrate_request = CalibrateRequest(
            dataset=dataset, training=training, tokenizer=base, select=recipe.select, alike=ALIKE
        )
        run_into(calibration, lambda folder: calibrate_voice(calibrate_request, folder, ConsoleReporter()))
    if not merged.exists():
        chosen = CalibrateResult.model_validate(result_of(calibration))
        merge_request = MergeRequest(
            base=base, training=training, checkpoint=chosen.step, strength=chosen.strength,
            temperature=chosen.temperature,
            base_hashes=TrainResult.model_validate(result_of(training)).base_hashes,
        )  # fmt: skip
        run_into(merged, lambda folder: merge_adapter(merge_request, folder, ConsoleReporter()))


def measure(title: str, author: Author, model: Path, dataset: Path, base: Path) -> EvaluateResult:
    """Measure the model in a work folder on an author's held-out chapters, whose base passages are written once."""
    output = model / f"report-{author.name}"
    if not output.exists():
        settings = Settings(data_dir=WORK, engine_context=CONTEXT)
        with (
            serve_folder("base", base, settings, WORK / "engine-base.log") as base_url,
            serve_folder("tuned", model / "merged", settings, WORK / "engine-tuned.log") as tuned_url,
        ):
            calibration = CalibrateResult.model_validate(result_of(model / "calibration"))
            request = EvaluateRequest(
                dataset=dataset, tokenizer=model / "merged", metrics=model / "training" / TRAINING_LOG,
                base=Endpoint(url=base_url, model="base"), tuned=Endpoint(url=tuned_url, model="tuned"),
                title=title, prompts=PROMPTS, max_tokens=MAX_TOKENS, instructions=INSTRUCTIONS, alike=ALIKE,
                streams=settings.streams, temperature=calibration.temperature,
                base_temperature=calibration.base_temperature, calibration=calibration,
                replay=TrainResult.model_validate(result_of(model / "training")).replay,
            )  # fmt: skip
            started = time.monotonic()
            run_into(output, lambda folder: evaluate(request, folder, WORK / author.name / f"report-{author.name}"))
            (output / "seconds.txt").write_text(f"{time.monotonic() - started:.1f}")
    return EvaluateResult.model_validate(result_of(output))


def evaluate(request: EvaluateRequest, folder: Path, first: Path) -> EvaluateResult:
    """Evaluate, with the base's passages of the author's own evaluation if it is finished."""
    if first.exists():
        lines = (first / SAMPLES).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / SAMPLES).write_text("".join(line for line in lines if '"role": "tuned"' not in line), "utf-8")
    return evaluate_voice(request, folder, ConsoleReporter())


def result_of(folder: Path) -> dict[str, object]:
    """Return the result of a stage, from its manifest."""
    return dict((manifest.read(folder) or {})["result"])


def print_results(results: dict[str, EvaluateResult]) -> None:
    """Print the table and the last line."""
    scores = {name: result.voice for name, result in results.items() if result.voice}
    print(f"\n{'model':14}{'verdict':>16}{'T':>6}{'folded':>8}{'bound':>7}{'auc':>6}{'asked':>7}  closest")
    for name, score in scores.items():
        numbers = (score.transfer, score.folded, score.lower_bound)
        cells = "".join(f"{or_nan(number):{width}.0f}" for number, width in zip(numbers, (6, 8, 7), strict=True))
        closest = f"{score.closest} {or_nan(score.impostor):.0f}"
        print(f"{name:14}{score.verdict:>16}{cells}{or_nan(score.auc):6.2f}{or_nan(score.prompted):7.0f}  {closest}")
    print(f"voice-run: {summarise(results)}")


def copy_example(author: Author) -> None:
    """Copy an author's report to docs/example."""
    EXAMPLE.mkdir(exist_ok=True)
    for file in (REPORT_PAGE, REPORT):
        shutil.copyfile(report_folder(author) / file, EXAMPLE / file)


def report_folder(author: Author) -> Path:
    """Return the folder of an author's report."""
    return WORK / author.name / f"report-{author.name}"


def summarise(results: dict[str, EvaluateResult]) -> str:
    """Return the last line's numbers, those of the authors beside each other."""
    authors = [author for author in AUTHORS if author.name in results]
    folders = [report_folder(author) for author in authors]
    voices = [voice for author in authors if (voice := results[author.name].voice)]
    reports = [Report.model_validate_json((folder / REPORT).read_text("utf-8")) for folder in folders]
    trainings = [TrainResult.model_validate(result_of(WORK / author.name / "training")) for author in authors]
    following = [report.kept.retention.following for report in reports if report.kept and report.kept.retention]
    controls = {name: result.voice for name, result in results.items() if result.voice}
    numbers = {
        "authors": str(len(authors)),
        "production": str(sum(voice.verdict == "production" for voice in voices)),
        "T": "/".join(f"{or_nan(voice.folded):.0f}" for voice in voices),
        "lcb": "/".join(f"{or_nan(voice.lower_bound):.0f}" for voice in voices),
        "kept": ",".join(f"{part.tuned}/{part.base}" for part in following),
        "unseen_kinds": ",".join(f"{part.unseen.tuned}/{part.unseen.base}" for part in following if part.unseen),
        "leak": "/".join(f"{100 * or_nan(results[author.name].leak_rate):.0f}" for author in authors),  # percent
        "wrong_author": f"{or_nan(controls['wrong author'].folded):.0f}" if "wrong author" in controls else "nan",
        "seed_recipe": f"{or_nan(controls['seed recipe'].folded):.0f}" if "seed recipe" in controls else "nan",
        "train_s": "/".join(f"{training.seconds:.0f}" for training in trainings),
        "eval_s": "/".join(f"{float((folder / 'seconds.txt').read_text()):.0f}" for folder in folders),
    }
    return " ".join(f"{name}={value}" for name, value in numbers.items())


def or_nan(value: float | None) -> float:
    """Return a number, or NaN if it was not measured."""
    return float("nan") if value is None else value


if __name__ == "__main__":
    main()
