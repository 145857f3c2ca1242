"""A real run on the small model and a real novel, with controls: `make voice`.

Three models are trained on the CPU, merged, served by vLLM and measured on the same held-out chapters:
  tuned         recipe cpu with STEPS steps, on the book
  seed recipe   the same steps and passages, but with one constant instruction for every passage
  wrong author  the same recipe, on another author's novels
Each stage's folder stays in build/voice and a run that was stopped goes on behind the last whole one; `--fresh` starts
anew. The last line is `voice-run: T=<n> lcb=<n> folded=<n> auc=<n> impostor=<n> wrong_author=<n> seed_recipe=<n>
train_s=<n> eval_s=<n>`; the report of the first is copied to docs/example.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from bench.serve import served
from scriptorium.artifacts import manifest
from scriptorium.cli.hand import run_into
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
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.local.demo_assets import BASE, CORPORA, demo_assets
from scriptorium.local.environments import DEMO, PROJECT
from scriptorium.local.impostors import install
from scriptorium.recipe import Prompt, Recipe, load_recipe
from scriptorium.settings import Settings
from services.data.prepare import prepare_manuscript
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.generation.samples import SAMPLES
from services.evaluator.report.page import PAGE
from services.merger.merge import merge_adapter
from services.trainer.train import train_adapter

WORK, EXAMPLE = PROJECT / "build" / "voice", PROJECT / "docs" / "example"
NOVEL, OTHERS = "problemG/Gtrain02-02.txt", "problemC/Ctrain01-*.txt"  # 110k words of Burroughs, and Cooper
ALIKE = ["crane", "twain", "hawthorne", "irving", "cooper"]  # Americans who wrote novels in the hundred years before
STEPS, CHECKPOINTS = 240, 2
CONTEXT, MAX_TOKENS, PROMPTS, INSTRUCTIONS = 2048, 640, 48, 192


def main() -> None:
    """Run everything that is not there yet, print the numbers and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true", help="throw away what an earlier run has left")
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
    report(*compare((assets.models / BASE).resolve(), recipe))


def compare(base: Path, recipe: Recipe) -> tuple[dict[str, EvaluateResult], float, float]:
    """Train, merge and measure all three; the seconds of training and of evaluating the first."""
    books = {"tuned": gather([NOVEL], "novel"), "wrong author": gather([OTHERS], "others")}
    data = {name: prepare(book, base, recipe, recipe.data.prompt) for name, book in books.items()}
    data["seed recipe"] = prepare(books["tuned"], base, recipe, "continue")
    merged = {name: train(name, dataset, base, recipe) for name, dataset in data.items()}
    results = {name: measure(name, model, data["tuned"], base) for name, model in merged.items()}
    trained = TrainResult.model_validate(result_of(WORK / "tuned" / "training"))
    return results, trained.seconds, float((WORK / "tuned" / "seconds.txt").read_text())


def gather(patterns: list[str], name: str) -> Path:
    """A folder with an author's novels."""
    folder = WORK / name
    folder.mkdir(exist_ok=True)
    for pattern in patterns:
        for path in (DEMO / "packages" / CORPORA).glob(pattern):
            shutil.copyfile(path, folder / path.name)
    return folder


def prepare(book: Path, base: Path, recipe: Recipe, prompt: Prompt) -> Path:
    """A manuscript as a dataset."""
    output, data = WORK / f"{book.name}-{prompt}", recipe.data
    request = PrepareRequest(
        manuscript=book, filename=book.name, base=base, prompt=prompt, chunking=data.chunking, split=data.split,
        sequence_len=recipe.training.sequence_len, impostors=WORK / "impostors", impostors_name="impostors",
    )  # fmt: skip
    if not output.exists():
        run_into(output, lambda folder: prepare_manuscript(request, folder, ConsoleReporter()))
    return output


def train(name: str, dataset: Path, base: Path, recipe: Recipe) -> Path:
    """A dataset as a merged model."""
    print(f"\n--- {name}", flush=True)
    training, merged = WORK / name / "training", WORK / name / "merged"
    if not training.exists():
        wanted = TrainRequest(dataset=dataset, base=base, training=recipe.training)
        run_into(training, lambda folder: train_adapter(wanted, folder, ConsoleReporter()))
    if not merged.exists():
        hashes = TrainResult.model_validate(result_of(training)).base_hashes
        request = MergeRequest(base=base, training=training, base_hashes=hashes)
        run_into(merged, lambda folder: merge_adapter(request, folder, ConsoleReporter()))
    return merged


def measure(name: str, model: Path, dataset: Path, base: Path) -> EvaluateResult:
    """A model against its base on the book's held-out chapters; what the base wrote once is not written again."""
    output, first = WORK / name / "report", WORK / "tuned" / "report" / SAMPLES
    if not output.exists():
        settings = Settings(data_dir=WORK, engine_context=CONTEXT)
        with (
            served("base", base, settings, WORK / "engine-base.log") as base_url,
            served("tuned", model, settings, WORK / "engine-tuned.log") as tuned_url,
        ):
            request = EvaluateRequest(
                dataset=dataset, tokenizer=model, metrics=model.parent / "training" / "metrics.jsonl",
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
    """Evaluate, with the base's passages of the first evaluation where they are there."""
    if first.exists():
        lines = first.read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / SAMPLES).write_text("".join(line for line in lines if '"role": "tuned"' not in line), "utf-8")
    return evaluate_voice(request, folder, ConsoleReporter())


def result_of(folder: Path) -> dict[str, object]:
    """What a stage found out, from its manifest."""
    return dict((manifest.read(folder) or {})["result"])


def report(results: dict[str, EvaluateResult], train_seconds: float, eval_seconds: float) -> None:
    """The table, the last line, and the example report."""
    scores = {name: result.voice for name, result in results.items() if result.voice}
    print(f"\n{'model':14}{'verdict':>16}{'T':>6}{'folded':>8}{'bound':>7}{'auc':>6}{'asked':>7}  closest")
    for name, score in scores.items():
        print(f"{name:14}{score.verdict:>16}{cells(score)}")
    tuned = scores["tuned"]
    EXAMPLE.mkdir(exist_ok=True)
    for file in (PAGE, "report.json"):
        shutil.copyfile(WORK / "tuned" / "report" / file, EXAMPLE / file)
    numbers = {
        "T": tuned.transfer, "lcb": tuned.lower_bound, "folded": tuned.folded, "auc": tuned.auc,
        "impostor": tuned.impostor, "wrong_author": scores["wrong author"].folded,
        "seed_recipe": scores["seed recipe"].folded, "train_s": train_seconds, "eval_s": eval_seconds,
    }  # fmt: skip
    digits = {"auc": 2}
    told = " ".join(f"{name}={known(value):.{digits.get(name, 0)}f}" for name, value in numbers.items())
    print(f"voice-run: {told}")


def cells(score: VoiceScore) -> str:
    """A row of the table."""
    closest = f"{score.closest} {known(score.impostor):.0f}"
    return (
        f"{known(score.transfer):6.0f}{known(score.folded):8.0f}{known(score.lower_bound):7.0f}{known(score.auc):6.2f}"
        f"{known(score.prompted):7.0f}  {closest}"
    )


def known(value: float | None) -> float:
    """A number, or NaN where it was not measured."""
    return float("nan") if value is None else value


if __name__ == "__main__":
    main()
