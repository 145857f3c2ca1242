"""Prepare novels in twelve languages, in five layouts, and count what is lost: `make bench-languages`.

What is heading and what is story is known of each novel (bench/cut_chapters.py). The data service reads and cleans it
as any manuscript, and makes rows of it by the recipe cpu and by the default one, with the tokenizer of the small base.

- words_lost: words of the story that the chapters do not have; letters count where no spaces part words.
- chapters_right: chapters that have their own title and exactly the words of their story; so one that has a word too
  many, such as a heading that would train, is wrong.
- false_findings_per_1000: serious and debatable findings, for a thousand passages: these texts are clean.
- rows_too_long: rows over sequence_len, as a training counts them, and passages left out for it.

The last line is `languages: tried=<n> words_lost=<n> chapters_right=<n>/<n> false_findings_per_1000=<n>
rows_too_long=<n>`, all of it in one line. `--json FILE` writes every manuscript's numbers.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.cut_chapters import FOLDER, ChapteredNovel, read_novel
from bench.layouts import LAYOUTS
from scriptorium.artifacts.dataset import SPLITS, read_rows
from scriptorium.contracts import PrepareRequest, Severity
from scriptorium.errors import ScriptoriumError
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.local.environments import DEMO, PROJECT
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.recipe import find_recipe
from scriptorium.text.word_spans import UNSPACED
from services.data.cleaning.chapters import Chapter
from services.data.cleaning.steps import CleaningLog
from services.data.cut_manuscript import gather_chapters
from services.data.prepare import prepare_manuscript
from services.data.readers import read_manuscript

MODEL = DEMO / "models" / BASE
RECIPES = ("cpu", "qlora")  # the demo's, and the default one
COUNTED_WORD = re.compile(
    rf"{UNSPACED.pattern}|(?:(?!{UNSPACED.pattern})[^\W_])+"
)  # a letter, where a word's ends depend on a dictionary
REPEATED_TITLE = re.compile(r" \(\d+\)$")
SHOWN_EXAMPLES = 5  # places and findings of a manuscript


@dataclass(frozen=True)
class Conservation:
    """The words that a story lost and gained, its right chapters, and the places at which it is not whole."""

    lost: Counter[str]
    gained: Counter[str]
    chapters_right: int
    places: list[str]


@dataclass
class LanguageOutcome:
    """What came of one manuscript."""

    language: str
    layout: str
    words: int
    words_lost: int
    words_gained: int
    chapters: int
    chapters_right: int
    lost: list[str]
    places: list[str]
    passages: int = 0
    rows_too_long: int = 0
    findings: list[str] = field(default_factory=list)


def main() -> None:
    """Measure, print the table, what was lost, and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", action="append", help="only this language; may be repeated")
    parser.add_argument("--layout", action="append", choices=list(LAYOUTS), help="only this layout; may be repeated")
    parser.add_argument("--json", type=Path, help="write the numbers of every manuscript to this file")
    options = parser.parse_args()
    demo_assets()
    paths = [path for path in sorted(FOLDER.glob("*.json.xz")) if is_chosen(path, options.language)]
    layouts = options.layout or list(LAYOUTS)
    outcomes: list[LanguageOutcome] = []
    for novel in map(read_novel, paths):
        for layout in layouts:
            show_progress(f"{len(outcomes) + 1} of {len(paths) * len(layouts)}: {novel.language}, {layout}")
            outcomes.append(measure_manuscript(novel, layout))
    show_progress("")
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], ensure_ascii=False, indent=1))
    print_table(outcomes)
    print_details(outcomes)
    print(summarise(outcomes))


def is_chosen(path: Path, languages: Sequence[str] | None) -> bool:
    """Return whether a novel is in one of the languages; in any if none is named."""
    return not languages or path.name.split(".")[0] in languages


def show_progress(text: str) -> None:
    """Show what is running, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def measure_manuscript(novel: ChapteredNovel, layout: str) -> LanguageOutcome:
    """Write a novel in a layout, and count what the data service makes of it."""
    with tempfile.TemporaryDirectory(prefix="bench-languages-") as name:
        path = Path(name) / layout
        path.write_text(LAYOUTS[layout](novel), encoding="utf-8")
        log = CleaningLog(examples=None)
        chapters = list(gather_chapters(read_manuscript(path, path.name), log, SilentReporter()))
        comparison = compare(novel, chapters)
        outcome = LanguageOutcome(
            language=novel.language,
            layout=layout,
            words=count_words(text for chapter in novel.chapters for text in chapter.paragraphs).total(),
            words_lost=comparison.lost.total(),
            words_gained=comparison.gained.total(),
            chapters=len(novel.chapters),
            chapters_right=comparison.chapters_right,
            lost=list(comparison.lost.elements()),
            places=comparison.places,
        )
        for recipe in RECIPES:
            make_rows(path, Path(name) / recipe, recipe, outcome)
    return outcome


def compare(novel: ChapteredNovel, chapters: Sequence[Chapter]) -> Conservation:
    """Compare the chapters that came out with those that are there in truth, word for word."""
    story = count_words(text for chapter in novel.chapters for text in chapter.paragraphs)
    result = count_words(text for chapter in chapters for text in chapter.paragraphs)
    titled = [(list_counted(REPEATED_TITLE.sub("", chapter.title)), list_counted(*chapter.paragraphs))
              for chapter in chapters]  # fmt: skip
    right = sum((list_counted(*chapter.heading), list_counted(*chapter.paragraphs)) in titled
                for chapter in novel.chapters)  # fmt: skip
    lost = story - result
    return Conservation(lost, result - story, right, list(find_places(novel, chapters)) if lost else [])


def find_places(novel: ChapteredNovel, chapters: Sequence[Chapter]) -> Iterator[str]:
    """Yield the place and the beginning of every paragraph whose words do not come out one after the other."""
    result = " ".join([*(" ".join(list_counted(*chapter.paragraphs)) for chapter in chapters), ""])
    for number, chapter in enumerate(novel.chapters, start=1):
        for index, text in enumerate(chapter.paragraphs, start=1):
            if f"{' '.join(list_counted(text))} " not in result:
                yield f"chapter {number}, paragraph {index}: {text[:100]}"


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Count each word of some texts."""
    return Counter(list_counted(*texts))


def list_counted(*texts: str) -> list[str]:
    """List the words of some texts in small letters, as capitals at the opening of a chapter are mended."""
    return [word for text in texts for word in COUNTED_WORD.findall(text.lower())]


def make_rows(path: Path, dataset: Path, recipe_name: str, outcome: LanguageOutcome) -> None:
    """Prepare a manuscript by a recipe, and add its passages, findings and rows that are too long to the outcome."""
    recipe = find_recipe(recipe_name, PROJECT / "recipes")
    request = PrepareRequest(
        manuscript=path, filename=path.name, base=MODEL, prompt=recipe.data.prompt, mix=recipe.data.mix,
        sequence_len=recipe.training.sequence_len, chunking=recipe.data.chunking, split=recipe.data.split,
    )  # fmt: skip
    dataset.mkdir()
    try:
        result = prepare_manuscript(request, dataset, SilentReporter())
    except ScriptoriumError as error:
        outcome.findings += [f"{recipe_name}: {error.code}: {error.message}"]
        outcome.findings += [f"{recipe_name}: {problem.place}: {problem.message}" for problem in error.problems]
        return
    outcome.passages += result.splits["all"].examples
    outcome.findings += [
        f"{recipe_name}: {finding.place}: {finding.code}: {finding.message}"
        for finding in result.findings
        if finding.severity is not Severity.NOTE
    ]
    tokenizer = chat_tokenizer(MODEL)
    rows = [row for split in SPLITS for row in read_rows(dataset / f"{split}.jsonl")]
    lengths = tokenizer.count([tokenizer.render(row.messages) for row in rows])
    outcome.rows_too_long += sum(length > request.sequence_len for length in lengths)
    outcome.rows_too_long += sum(finding.code == "row_too_long" for finding in result.findings)


def print_table(outcomes: Sequence[LanguageOutcome]) -> None:
    """Print a line for each language, the sums of its layouts."""
    names = ("words", "words_lost", "words_gained", "chapters", "chapters_right", "passages", "rows_too_long")
    print(f"{'':10}" + "".join(f"{name.replace('_', ' '):>15}" for name in names) + f"{'findings':>15}")
    for language in dict.fromkeys(outcome.language for outcome in outcomes):
        members = [outcome for outcome in outcomes if outcome.language == language]
        numbers = [sum(getattr(outcome, name) for outcome in members) for name in names]
        numbers.append(sum(len(outcome.findings) for outcome in members))
        print(f"{language:10}" + "".join(f"{number:15,}" for number in numbers))


def print_details(outcomes: Sequence[LanguageOutcome]) -> None:
    """Print what is not as it should be: chapters, words with their places, findings."""
    for outcome in outcomes:
        name = f"{outcome.language}, {outcome.layout}"
        if outcome.chapters_right < outcome.chapters:
            print(f"{name}: {outcome.chapters_right} of {outcome.chapters} chapters, "
                  f"{outcome.words_gained} words gained")  # fmt: skip
        if outcome.lost:
            print(f"{name}: {outcome.words_lost} words lost: {' '.join(outcome.lost[: 4 * SHOWN_EXAMPLES])}")
        for text in (*outcome.places[:SHOWN_EXAMPLES], *outcome.findings[:SHOWN_EXAMPLES]):
            print(f"    {text[:160]}")


def summarise(outcomes: Sequence[LanguageOutcome]) -> str:
    """Return the last line."""
    passages = sum(outcome.passages for outcome in outcomes)
    findings = sum(len(outcome.findings) for outcome in outcomes)
    right, chapters = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("chapters_right", "chapters"))
    return (
        f"languages: tried={len(outcomes)} words_lost={sum(outcome.words_lost for outcome in outcomes)} "
        f"chapters_right={right}/{chapters} false_findings_per_1000={1000 * findings / max(1, passages):.1f} "
        f"rows_too_long={sum(outcome.rows_too_long for outcome in outcomes)}"
    )


if __name__ == "__main__":
    main()
