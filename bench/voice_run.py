"""A real run on the small model and a real novel, with controls: `make voice`.

Three models are trained on the CPU, merged, served by vLLM and measured on the same held-out chapters:
  tuned         recipe cpu with STEPS steps, on the book
  seed recipe   the same steps and passages, but with one constant instruction for every passage
  wrong author  the same recipe, on another author's novels
Each stage's folder stays in build/voice; a stopped run resumes after its last finished stage, `--fresh` starts again.
The last line is `voice-run: T=<n> lcb=<n> folded=<n> auc=<n> impostor=<n> wrong_author=<n> seed_recipe=<n>
train_s=<n> eval_s=<n>`; the report of the first is copied to docs/example.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from bench.serve import serve_folder
from scriptorium.artifacts import manifest
from scriptorium.artifacts.training_log import TRAINING_LOG
from scriptorium.cli.by_hand import run_into
from scriptorium.contracts import (
    Endpoint,
    EvaluateRequest,
    EvaluateResult,
    MergeRequest,
    PrepareRequest,
    TrainRequest,
    TrainResult,
    VoiceScore,
)
from scriptorium.contracts.report import REPORT, REPORT_PAGE, SAMPLES
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.local.environments import DEMO, PROJECT
from scriptorium.local.impostors import CORPORA, install
from scriptorium.recipe import Prompt, Recipe, load_recipe
from scriptorium.settings import Settings
from services.data.prepare import prepare_manuscript
from services.evaluator.evaluate import evaluate_voice
from services.merger.merge import merge_adapter
from services.trainer.train import train_adapter

WORK, EXAMPLE = PROJECT / "build" / "voice", PROJECT / "docs" / "example"
NOVEL, OTHERS = "problemG/Gtrain02-02.txt", "problemC/Ctrain01-*.txt"  # 110k words of Burroughs, and Cooper
ALIKE = ["crane", "twain", "hawthorne", "irving", "cooper"]  # Americans who wrote novels in the hundred years before
STEPS, CHECKPOINTS = 240, 2
CONTEXT, MAX_TOKENS, PROMPTS, INSTRUCTIONS = 2048, 640, 48, 192


def main() -> None:
    """Run every stage that is not finished yet, print the numbers and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="delete the folders of an earlier run")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    assets = demo_assets()
    if options.fresh:
        shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    install(WORK / "impostors")
    recipe = load_recipe(PROJECT / "recipes" / "cpu.yaml")
    training = recipe.training.model_copy(update={"max_steps": options.steps, "num_epochs": 3})
    recipe = recipe.model_copy(update={"training": training.model_copy(update={"checkpoints": CHECKPOINTS})})
    print_results(*compare((assets.models / BASE).resolve(), recipe))


def compare(base: Path, recipe: Recipe) -> tuple[dict[str, EvaluateResult], float, float]:
    """Train, merge and measure all three; return the results, and the seconds of training and evaluating the first."""
    books = {"tuned": gather([NOVEL], "novel"), "wrong author": gather([OTHERS], "others")}
    data = {name: prepare(book, base, recipe, recipe.data.prompt) for name, book in books.items()}
    data["seed recipe"] = prepare(books["tuned"], base, recipe, "continue")
    merged = {name: train(name, dataset, base, recipe) for name, dataset in data.items()}
    results = {name: measure(name, model, data["tuned"], base) for name, model in merged.items()}
    trained = TrainResult.model_validate(result_of(WORK / "tuned" / "training"))
    return results, trained.seconds, float((WORK / "tuned" / "seconds.txt").read_text())


def gather(patterns: list[str], name: str) -> Path:
    """Gather an author's novels in a folder."""
    folder = WORK / name
    folder.mkdir(exist_ok=True)
    for pattern in patterns:
        for path in (DEMO / "packages" / CORPORA).glob(pattern):
            shutil.copyfile(path, folder / path.name)
    return folder


def prepare(book: Path, base: Path, recipe: Recipe, prompt: Prompt) -> Path:
    """Prepare a manuscript as a dataset."""
    output, data = WORK / f"{book.name}-{prompt}", recipe.data
    request = PrepareRequest(
        manuscript=book, filename=book.name, base=base, prompt=prompt, chunking=data.chunking, split=data.split,
        sequence_len=recipe.training.sequence_len, impostors=WORK / "impostors", impostors_name="impostors",
    )  # fmt: skip
    if not output.exists():
        run_into(output, lambda folder: prepare_manuscript(request, folder, ConsoleReporter()))
    return output


def train(name: str, dataset: Path, base: Path, recipe: Recipe) -> Path:
    """Train on a dataset, merge the adapter and return the merged model."""
    print(f"\n--- {name}", flush=True)
    training, merged = WORK / name / "training", WORK / name / "merged"
    if not training.exists():
        train_request = TrainRequest(dataset=dataset, base=base, training=recipe.training, replay_cache=WORK / "replay")
        run_into(training, lambda folder: train_adapter(train_request, folder, ConsoleReporter()))
    if not merged.exists():
        hashes = TrainResult.model_validate(result_of(training)).base_hashes
        merge_request = MergeRequest(base=base, training=training, base_hashes=hashes)
        run_into(merged, lambda folder: merge_adapter(merge_request, folder, ConsoleReporter()))
    return merged


def measure(name: str, model: Path, dataset: Path, base: Path) -> EvaluateResult:
    """Measure a model against its base on the book's held-out chapters; the base writes its passages only once."""
    output, first = WORK / name / "report", WORK / "tuned" / "report" / SAMPLES
    if not output.exists():
        settings = Settings(data_dir=WORK, engine_context=CONTEXT)
        with (
            serve_folder("base", base, settings, WORK / "engine-base.log") as base_url,
            serve_folder("tuned", model, settings, WORK / "engine-tuned.log") as tuned_url,
        ):
            request = EvaluateRequest(
                dataset=dataset, tokenizer=model, metrics=model.parent / "training" / TRAINING_LOG,
                base=Endpoint(url=base_url, model="base"), tuned=Endpoint(url=tuned_url, model="tuned"),
                title=name if name != "tuned" else "A novel by Edgar Rice Burroughs", prompts=PROMPTS,
                max_tokens=MAX_TOKENS, instructions=INSTRUCTIONS if name == "tuned" else 0, alike=ALIKE,
                streams=settings.streams,
            )  # fmt: skip
            started = time.monotonic()
            run_into(output, lambda folder: evaluate(request, folder, first))
            (output.parent / "seconds.txt").write_text(f"{time.monotonic() - started:.1f}")
    return EvaluateResult.model_validate(result_of(output))


def evaluate(request: EvaluateRequest, folder: Path, first: Path) -> EvaluateResult:
    """Evaluate, with the base's passages of the first evaluation if it is finished."""
    if first.exists():
        lines = first.read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / SAMPLES).write_text("".join(line for line in lines if '"role": "tuned"' not in line), "utf-8")
    return evaluate_voice(request, folder, ConsoleReporter())


def result_of(folder: Path) -> dict[str, object]:
    """Return the result of a stage, from its manifest."""
    return dict((manifest.read(folder) or {})["result"])


def print_results(results: dict[str, EvaluateResult], train_seconds: float, eval_seconds: float) -> None:
    """Print the table and the last line, and copy the example report."""
    scores = {name: result.voice for name, result in results.items() if result.voice}
    print(f"\n{'model':14}{'verdict':>16}{'T':>6}{'folded':>8}{'bound':>7}{'auc':>6}{'asked':>7}  closest")
    for name, score in scores.items():
        print(f"{name:14}{score.verdict:>16}{cells(score)}")
    tuned = scores["tuned"]
    EXAMPLE.mkdir(exist_ok=True)
    for file in (REPORT_PAGE, REPORT):
        shutil.copyfile(WORK / "tuned" / "report" / file, EXAMPLE / file)
    numbers = {
        "T": tuned.transfer, "lcb": tuned.lower_bound, "folded": tuned.folded, "auc": tuned.auc,
        "impostor": tuned.impostor, "wrong_author": scores["wrong author"].folded,
        "seed_recipe": scores["seed recipe"].folded, "train_s": train_seconds, "eval_s": eval_seconds,
    }  # fmt: skip
    digits = {"auc": 2}
    summary = " ".join(f"{name}={or_nan(value):.{digits.get(name, 0)}f}" for name, value in numbers.items())
    print(f"voice-run: {summary}")


def cells(score: VoiceScore) -> str:
    """Return a row of the table."""
    closest = f"{score.closest} {or_nan(score.impostor):.0f}"
    return (
        f"{or_nan(score.transfer):6.0f}{or_nan(score.folded):8.0f}{or_nan(score.lower_bound):7.0f}{or_nan(score.auc):6.2f}"
        f"{or_nan(score.prompted):7.0f}  {closest}"
    )


def or_nan(value: float | None) -> float:
    """Return a number, or NaN if it was not measured."""
    return float("nan") if value is None else value


if __name__ == "__main__":
    main()
