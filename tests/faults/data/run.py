"""Seeded faults in real novels: how many the gates find, and how many false alarms they raise. Run: `make faults-data`.

English novels have every kind of fault, novels in six other languages the kinds of tests/faults/data/in_languages.py.

The last line is `faults: found=<n>/<n> false_alarms=<n>/<n>`. A fault is found if its code is reported at its place, or
if cleaning removed the fault without a trace. A false alarm is a serious or debatable finding about clean novels; the
second number is that of their passages.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

from bench.languages import list_counted
from scriptorium.contracts import Finding, PrepareRequest, Severity
from scriptorium.errors import EnvironmentMissing, ScriptoriumError
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import CORPORA
from scriptorium.local.environments import DEMO
from scriptorium.recipe import Chunking, Split
from services.data import cut_manuscript, prepare
from services.data.checks.run_checks import run_checks
from services.data.cleaning.steps import CleaningLog
from services.data.passage import Passage
from services.data.readers import read_manuscript
from tests.faults.data import in_languages, manuscripts, passages
from tests.word_model import write_word_model

SEED = 7
MAX_SPOILT_PASSAGES = 3  # by one fault in one manuscript
SHORT_PASSAGES = Chunking(unit="words", minimum=300, maximum=700)
USUAL_PASSAGES = Chunking(unit="words", minimum=500, maximum=1500)  # about the recipes' range in tokens
SOURCES = ("Ctrain01-1", "Ctrain02-3", "Ctrain03-1", "Ctrain04-4", "Ctrain05-2", "Gsample01")
CODE_IN_MESSAGE = re.compile(r"\((\w+)\)$")  # of a finding that failed a job


@dataclass(frozen=True)
class FaultOutcome:
    """A kind of fault, the number of its targets, and how many of them were detected."""

    name: str
    code: str
    detected: int
    targets: int


@cache
def base_model() -> Path:
    """Write a model folder whose tokens are words, because no fault depends on tokens."""
    return write_word_model(Path(tempfile.mkdtemp(prefix="faults-")))


def list_novels(pattern: str) -> list[Path]:
    """List clean novels of the demo's corpora; raises EnvironmentMissing."""
    paths = sorted((DEMO / "packages" / CORPORA).glob(pattern))
    if not paths:
        raise EnvironmentMissing("The demo's novels are not there.")
    return paths


def make_request(path: Path, filename: str, chunking: Chunking) -> PrepareRequest:
    """Make a request for a manuscript."""
    return PrepareRequest(
        manuscript=path, filename=filename, base=base_model(), prompt="continue", chunking=chunking, split=Split()
    )


@dataclass(frozen=True)
class Preparation:
    """What came of a manuscript: findings as codes and places, and the places and texts of the checked passages."""

    findings: set[tuple[str, str]]
    passages: list[tuple[str, str]]


def prepare_bytes(raw: bytes, filename: str, chunking: Chunking) -> Preparation:
    """Prepare a manuscript; the problems of an error count as findings."""
    preparation = Preparation(set(), [])

    def record_passages(checked: Sequence[Passage], *others: Any, **options: Any) -> list[Finding]:
        preparation.passages.extend((passage.place, passage.text) for passage in checked)
        return run_checks(checked, *others, **options)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(prepare, "run_checks", record_passages):
        path = Path(folder) / "content"
        path.write_bytes(raw)
        try:
            result = prepare.prepare_manuscript(make_request(path, filename, chunking), Path(folder), SilentReporter())
        except ScriptoriumError as error:
            matches = [(CODE_IN_MESSAGE.search(problem.message), problem.place) for problem in error.problems]
            preparation.findings.update((match[1] if match else error.code, place) for match, place in matches)
            preparation.findings.add((error.code, error.param or ""))
        else:
            preparation.findings.update((finding.code, finding.place) for finding in result.findings)
    return preparation


@cache
def read_novel(name: str) -> tuple[str, str, tuple[str, ...]]:
    """Return a clean novel as it is on disk, its text in one line, and its passages whose length is in range."""
    raw = read_raw(name)
    texts = [text for _, text in prepare_bytes(raw, "book.txt", SHORT_PASSAGES).passages]
    fitting = tuple(text for text in texts if SHORT_PASSAGES.minimum <= len(text.split()) <= SHORT_PASSAGES.maximum)
    return raw.decode(), join_in_line(texts), fitting


def read_raw(name: str) -> bytes:
    """Return a clean novel of the demo's corpora, or the one in a language."""
    if name in in_languages.LANGUAGES:
        return in_languages.write_book(in_languages.read_language_novel(name)).encode()
    (path,) = list_novels(f"*/{name}.txt")
    return path.read_bytes()


def join_in_line(texts: Iterable[str]) -> str:
    """Join texts in one line, to compare them."""
    return " ".join(" ".join(texts).split())


@cache
def find_usual(name: str) -> set[tuple[str, str]]:
    """Return the findings about a clean novel's passages; they prove nothing about a fault."""
    clean = manuscripts.make_chunks(list(read_novel(name)[2]))
    return prepare_bytes(clean.raw, clean.filename, SHORT_PASSAGES).findings


def spoil_chunks(fault: passages.PassageFault, name: str, rng: random.Random) -> FaultOutcome:
    """Put a fault into curated passages and count what is detected."""
    texts = list(read_novel(name)[2])
    free = [at for at in range(1, len(texts)) if (fault.code, manuscripts.chunk_name(at)) not in find_usual(name)]
    spoilt: list[int] = []
    candidates = [at for at in free if texts[at].count("\n\n") > 3]
    for at in rng.sample(candidates, k=min(len(candidates), len(free) // 2)):
        text = "\n\n".join(fault.spoil(texts[at].split("\n\n"), rng))
        if text != texts[at] and len(spoilt) < MAX_SPOILT_PASSAGES:  # a fault cannot spoil every passage
            texts[at] = text
            spoilt.append(at)
    manuscript = manuscripts.make_chunks(texts, *spoilt)
    preparation = prepare_bytes(manuscript.raw, manuscript.filename, SHORT_PASSAGES)
    repaired = {place for place, text in preparation.passages if join_in_line([text]) in read_novel(name)[1]}
    return count_detected(fault, manuscript.targets, preparation, repaired)


def spoil_book(fault: passages.PassageFault, name: str, rng: random.Random) -> FaultOutcome:
    """Put a fault into a book with wrapped lines and count what is detected."""
    blocks = re.split(r"\n\s*\n", read_novel(name)[0])
    windows = list(find_windows(blocks, read_novel(name)[1]))
    clean = spoilt = []
    while clean == spoilt:
        start, end = rng.choice(windows)
        clean = [" ".join(block.split()) for block in blocks[start:end]]
        spoilt = fault.spoil(clean, rng)
    before, after = find_anchors(blocks, start, end)
    blocks[start:end] = [textwrap.fill(text, 65, break_long_words=False, break_on_hyphens=False) for text in spoilt]
    preparation = prepare_bytes("\n\n".join(blocks).encode(), "book.txt", SHORT_PASSAGES)
    target = find_between(preparation.passages, before, after)
    is_repaired = join_in_line(text for _, text in preparation.passages) == read_novel(name)[1]
    return count_detected(fault, [target], preparation, target if is_repaired else set())


def find_windows(blocks: Sequence[str], plain: str) -> Iterator[tuple[int, int]]:
    """Yield stretches of five prose paragraphs, away from the ends of the book, between words that cleaning keeps."""
    prose = [len(block.split()) > 12 and block.strip()[-1] in '.!?"' for block in blocks]
    for start in range(12, len(blocks) - 12):
        end = start + 5
        long = sum(len(block.split()) for block in blocks[start:end]) > 150
        anchored = all(words in plain for words in find_anchors(blocks, start, end))
        if all(prose[start - 1 : end + 1]) and long and anchored:
            yield start, end


def find_anchors(blocks: Sequence[str], start: int, end: int) -> tuple[str, str]:
    """Return the words before and after a stretch, which identify its passages."""
    return " ".join(blocks[start - 1].split()[-6:]), " ".join(blocks[end].split()[:6])


def find_between(texts: Sequence[tuple[str, str]], before: str, after: str) -> set[str]:
    """Return the places of passages from the one with the words before to the one with the words after."""
    plain = [" ".join(text.split()) for _, text in texts]
    indexes = [index for index, text in enumerate(plain) if before in text or after in text]
    return {place for place, _ in texts[min(indexes) : max(indexes) + 1]}


def count_detected(
    fault: passages.PassageFault | manuscripts.ManuscriptFault,
    targets: Sequence[set[str]],
    preparation: Preparation,
    repaired: Set[str] = frozenset(),
) -> FaultOutcome:
    """Count the targets at which a fault was reported under its code, or is gone because cleaning repaired it."""
    detected = sum(
        any((fault.code, place) in preparation.findings or place in repaired for place in target) for target in targets
    )
    return FaultOutcome(fault.name, fault.code, detected, len(targets))


def find_faults(step: int = 1) -> Iterator[FaultOutcome]:
    """Make every kind of fault, or every `step`th, and count what is detected."""
    for number, fault in list(enumerate(passages.FAULTS))[::step]:
        name = SOURCES[number % len(SOURCES)]
        yield spoil_chunks(fault, name, seed_random(fault.name))
        if not fault.whole_passage:
            yield spoil_book(fault, name, seed_random(fault.name))
    for number, kind in list(enumerate(manuscripts.FAULTS))[::step]:
        texts = list(read_novel(SOURCES[number % len(SOURCES)])[2])
        manuscript = kind.make(texts, seed_random(kind.name))
        preparation = prepare_bytes(manuscript.raw, manuscript.filename, SHORT_PASSAGES)
        yield count_detected(kind, manuscript.targets, preparation)


def find_language_faults(step: int = 1) -> Iterator[FaultOutcome]:
    """Make the faults in each language, or in every `step`th, and count what is detected."""
    for code in list(in_languages.LANGUAGES)[::step]:
        kinds = in_languages.passage_faults(code)
        outcomes = [spoil_chunks(fault, code, seed_random(f"{code} {fault.name}")) for fault in kinds]
        for kind in in_languages.MANUSCRIPT_FAULTS:
            manuscript = kind.make(list(read_novel(code)[2]), seed_random(f"{code} {kind.name}"))
            preparation = prepare_bytes(manuscript.raw, manuscript.filename, SHORT_PASSAGES)
            outcomes.append(count_detected(kind, manuscript.targets, preparation))
        outcomes += [spoil_whole_book(fault, code) for fault in in_languages.book_faults(code)]
        yield from (replace(outcome, name=f"{code}: {outcome.name}") for outcome in outcomes)


def spoil_whole_book(fault: in_languages.BookFault, code: str) -> FaultOutcome:
    """Write a book with a fault everywhere; it is detected if the story comes out word for word."""
    novel = in_languages.read_language_novel(code)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.txt"
        path.write_bytes(fault.write(novel, seed_random(f"{code} {fault.name}")))
        manuscript = read_manuscript(path, path.name)
        chapters = list(cut_manuscript.gather_chapters(manuscript, CleaningLog(), SilentReporter()))
    words = list_counted(*(text for chapter in chapters for text in chapter.paragraphs))
    return FaultOutcome(fault.name, "repaired", int(words == list_counted(*in_languages.list_story(novel))), 1)


def seed_random(name: str) -> random.Random:
    """Return a fault's own random generator, so that a new kind of fault changes no other."""
    return random.Random(f"{SEED} {name}")  # a repeatable choice, not a secret


def clean_authors() -> dict[str, dict[str, bytes]]:
    """Return six authors with their clean novels, or parts of novels, and the novels in other languages."""
    patterns = {"Burroughs": "problemG/*.txt"} | {
        author: f"problemC/Ctrain0{number}-*.txt"
        for number, author in enumerate(("Cooper", "Hawthorne", "Irving", "Twain", "Crane"), start=1)
    }
    authors = {
        author: {path.name: path.read_bytes() for path in list_novels(pattern)} for author, pattern in patterns.items()
    }
    return authors | {code: {"book.txt": read_raw(code)} for code in in_languages.LANGUAGES}


def find_false_alarms(author: str, files: Mapping[str, bytes]) -> tuple[int, list[Finding]]:
    """Count the passages of an author's clean novels; return the serious and debatable findings about them, too."""
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        content.write_bytes(manuscripts.pack(files))
        chunking = (
            SHORT_PASSAGES if author in in_languages.LANGUAGES else USUAL_PASSAGES
        )  # these are only a few chapters
        request = make_request(content, f"{author}.zip", chunking)
        result = prepare.prepare_manuscript(request, Path(folder), SilentReporter())
    alarms = [finding for finding in result.findings if finding.severity is not Severity.NOTE]
    return result.splits["all"].examples, alarms


def main() -> int:
    """Print a row for each kind, the false alarms and the sums; return 1 if a fault is missed or alarms exceed 1 %."""
    detected, targets = Counter[str](), Counter[str]()
    codes: dict[str, str] = {}
    for outcome in chain(find_faults(), find_language_faults()):
        detected[outcome.name] += outcome.detected
        targets[outcome.name] += outcome.targets
        codes[outcome.name] = outcome.code
    for name, number in targets.items():
        print(f"{name:34} {codes[name]:24} {detected[name]}/{number}{'' if detected[name] == number else '  MISSED'}")
    total, alarms = 0, 0
    for author, files in clean_authors().items():
        examples, findings = find_false_alarms(author, files)
        total, alarms = total + examples, alarms + len(findings)
        for finding in findings:
            print(f"false alarm: {author}, {finding.place}: {finding.code}: {finding.message}")
    print(f"{len(targets)} kinds of faults")
    print(f"faults: found={detected.total()}/{targets.total()} false_alarms={alarms}/{total}")
    return int(detected != targets or alarms > 0.01 * total)


if __name__ == "__main__":
    sys.exit(main())
