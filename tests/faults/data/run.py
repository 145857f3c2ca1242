"""Seeded faults in real novels: how many the gates find, and how often they cry wolf. `make faults-data` runs it.

The last line is `faults: found=<n>/<n> false_alarms=<n>/<n>`. Found is a fault that is told at its place under its
code, or that cleaning took away without a trace. A false alarm is a serious or debatable finding about clean novels;
they are set against the number of passages.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from scriptorium.contracts import Finding, PrepareRequest, Severity
from scriptorium.errors import EnvironmentMissing, ScriptoriumError
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import CORPORA
from scriptorium.local.environments import DEMO
from scriptorium.recipe import Chunking, Split
from services.data import prepare
from services.data.checks.run_checks import examine as gates
from services.data.passage import Passage
from tests.faults.data import manuscripts, passages
from tests.word_model import write_word_model

SEED = 7
PLACES = 3  # of a fault in one manuscript
SHORT = Chunking(unit="words", minimum=300, maximum=700)
USUAL = Chunking(unit="words", minimum=500, maximum=1500)  # about the recipes' range in tokens
SOURCES = ("Ctrain01-1", "Ctrain02-3", "Ctrain03-1", "Ctrain04-4", "Ctrain05-2", "Gsample01")
CODE = re.compile(r"\((\w+)\)$")  # of a finding that failed a job


@dataclass(frozen=True)
class Outcome:
    """A kind of fault, and at how many of its places it was found."""

    name: str
    code: str
    found: int
    places: int


@cache
def base() -> Path:
    """A model folder whose tokens are words: no fault has to do with tokens."""
    return write_word_model(Path(tempfile.mkdtemp(prefix="faults-")))


def novels(pattern: str) -> list[Path]:
    """Clean novels of the demo's corpora; raises EnvironmentMissing."""
    found = sorted((DEMO / "packages" / CORPORA).glob(pattern))
    if not found:
        raise EnvironmentMissing("The demo's novels are not there.")
    return found


def ask(path: Path, filename: str, chunking: Chunking) -> PrepareRequest:
    """A request for a manuscript."""
    return PrepareRequest(
        manuscript=path, filename=filename, base=base(), prompt="continue", chunking=chunking, split=Split()
    )


@dataclass(frozen=True)
class Seen:
    """What preparing a manuscript tells, as codes and places, and the places and texts of the passages examined."""

    told: set[tuple[str, str]]
    passages: list[tuple[str, str]]


def look(raw: bytes, filename: str, chunking: Chunking) -> Seen:
    """Prepare a manuscript; what it tells may be findings, or the problems of an error."""
    seen = Seen(set(), [])

    def examine(held: Sequence[Passage], *others: Any, **options: Any) -> list[Finding]:
        seen.passages.extend((passage.place, passage.text) for passage in held)
        return gates(held, *others, **options)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(prepare, "examine", examine):
        path = Path(folder) / "content"
        path.write_bytes(raw)
        try:
            result = prepare.prepare_manuscript(ask(path, filename, chunking), Path(folder), SilentReporter())
        except ScriptoriumError as error:
            told = [(CODE.search(problem.message), problem.place) for problem in error.problems]
            seen.told.update((match[1] if match else error.code, place) for match, place in told)
            seen.told.add((error.code, error.param or ""))
        else:
            seen.told.update((finding.code, finding.place) for finding in result.findings)
    return seen


@cache
def source(name: str) -> tuple[str, str, tuple[str, ...]]:
    """A clean novel as it lies on disk, its text in one line, and its passages that are as long as they should be."""
    (path,) = novels(f"*/{name}.txt")
    texts = [text for _, text in look(path.read_bytes(), "book.txt", SHORT).passages]
    fitting = tuple(text for text in texts if SHORT.minimum <= len(text.split()) <= SHORT.maximum)
    return path.read_text("utf-8"), one_line(texts), fitting


def one_line(texts: Iterable[str]) -> str:
    """Texts in a line, to be compared."""
    return " ".join(" ".join(texts).split())


@cache
def usual(name: str) -> set[tuple[str, str]]:
    """What is told about a clean novel's passages, and proves nothing where it is told again."""
    made = manuscripts.curated(list(source(name)[2]))
    return look(made.raw, made.filename, SHORT).told


def in_chunks(fault: passages.Fault, name: str, chance: random.Random) -> Outcome:
    """A fault in curated passages."""
    texts = list(source(name)[2])
    free = [at for at in range(1, len(texts)) if (fault.code, manuscripts.name(at)) not in usual(name)]
    spoilt: list[int] = []
    for at in chance.sample([at for at in free if texts[at].count("\n\n") > 3], k=len(free) // 2):
        text = "\n\n".join(fault.spoil(texts[at].split("\n\n"), chance))
        if text != texts[at] and len(spoilt) < PLACES:  # not every passage has what a fault takes away
            texts[at] = text
            spoilt.append(at)
    made = manuscripts.curated(texts, *spoilt)
    seen = look(made.raw, made.filename, SHORT)
    mended = {place for place, text in seen.passages if one_line([text]) in source(name)[1]}
    return count(fault, made.places, seen, mended)


def in_book(fault: passages.Fault, name: str, chance: random.Random) -> Outcome:
    """A fault in a book, whose lines are wrapped."""
    blocks = re.split(r"\n\s*\n", source(name)[0])
    windows = list(find_windows(blocks, source(name)[1]))
    clean = spoilt = []
    while clean == spoilt:
        start, end = chance.choice(windows)
        clean = [" ".join(block.split()) for block in blocks[start:end]]
        spoilt = fault.spoil(clean, chance)
    before, after = anchors(blocks, start, end)
    blocks[start:end] = [textwrap.fill(text, 65, break_long_words=False, break_on_hyphens=False) for text in spoilt]
    seen = look("\n\n".join(blocks).encode(), "book.txt", SHORT)
    places = between(seen.passages, before, after)
    mended = one_line(text for _, text in seen.passages) == source(name)[1]
    return count(fault, [places], seen, places if mended else set())


def find_windows(blocks: Sequence[str], plain: str) -> Iterator[tuple[int, int]]:
    """Stretches of five paragraphs of prose, away from the ends of the book, between words that cleaning leaves."""
    prose = [len(block.split()) > 12 and block.strip()[-1] in '.!?"' for block in blocks]
    for start in range(12, len(blocks) - 12):
        end = start + 5
        long = sum(len(block.split()) for block in blocks[start:end]) > 150
        known = all(words in plain for words in anchors(blocks, start, end))
        if all(prose[start - 1 : end + 1]) and long and known:
            yield start, end


def anchors(blocks: Sequence[str], start: int, end: int) -> tuple[str, str]:
    """The words before and after a stretch, by which its passages are known."""
    return " ".join(blocks[start - 1].split()[-6:]), " ".join(blocks[end].split()[:6])


def between(texts: Sequence[tuple[str, str]], before: str, after: str) -> set[str]:
    """The passages from the one with the words before to the one with the words after."""
    plain = [" ".join(text.split()) for _, text in texts]
    holders = [index for index, text in enumerate(plain) if before in text or after in text]
    return {place for place, _ in texts[min(holders) : max(holders) + 1]}


def count(
    fault: passages.Fault | manuscripts.Fault, places: Sequence[set[str]], seen: Seen, mended: Set[str] = frozenset()
) -> Outcome:
    """At how many of its places a fault was told under its code, or is gone because cleaning mended it."""
    found = sum(any((fault.code, place) in seen.told or place in mended for place in alike) for alike in places)
    return Outcome(fault.name, fault.code, found, len(places))


def find_faults(every: int = 1) -> Iterator[Outcome]:
    """Make every kind of fault and look for it; with `every` only every so many kinds."""
    for number, fault in list(enumerate(passages.FAULTS))[::every]:
        name = SOURCES[number % len(SOURCES)]
        yield in_chunks(fault, name, seeded(fault.name))
        if not fault.whole:
            yield in_book(fault, name, seeded(fault.name))
    for number, kind in list(enumerate(manuscripts.FAULTS))[::every]:
        texts = list(source(SOURCES[number % len(SOURCES)])[2])
        made = kind.make(texts, seeded(kind.name))
        yield count(kind, made.places, look(made.raw, made.filename, SHORT))


def seeded(name: str) -> random.Random:
    """Chance of a fault's own, so that one more kind changes no other."""
    return random.Random(f"{SEED} {name}")  # a repeatable choice, not a secret


def clean_authors() -> dict[str, list[Path]]:
    """Six authors and their clean novels, or parts of novels."""
    return {"Burroughs": novels("problemG/*.txt")} | {
        author: novels(f"problemC/Ctrain0{number}-*.txt")
        for number, author in enumerate(("Cooper", "Hawthorne", "Irving", "Twain", "Crane"), start=1)
    }


def false_alarms(author: str, paths: Sequence[Path]) -> tuple[int, list[Finding]]:
    """Passages of an author's clean novels, and every finding about them that is serious or debatable."""
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        content.write_bytes(manuscripts.pack({path.name: path.read_bytes() for path in paths}))
        result = prepare.prepare_manuscript(ask(content, f"{author}.zip", USUAL), Path(folder), SilentReporter())
    alarms = [finding for finding in result.findings if finding.severity is not Severity.NOTE]
    return result.splits["all"].examples, alarms


def main() -> int:
    """Print a row for each kind, the false alarms and the sums; 1 where a fault was missed or alarms are over 1 %."""
    found, places = Counter[str](), Counter[str]()
    codes: dict[str, str] = {}
    for outcome in find_faults():
        found[outcome.name] += outcome.found
        places[outcome.name] += outcome.places
        codes[outcome.name] = outcome.code
    for name, number in places.items():
        print(f"{name:34} {codes[name]:24} {found[name]}/{number}{'' if found[name] == number else '  MISSED'}")
    total, alarms = 0, 0
    for author, paths in clean_authors().items():
        examples, findings = false_alarms(author, paths)
        total, alarms = total + examples, alarms + len(findings)
        for finding in findings:
            print(f"false alarm: {author}, {finding.place}: {finding.code}: {finding.message}")
    print(f"{len(places)} kinds of faults")
    print(f"faults: found={found.total()}/{places.total()} false_alarms={alarms}/{total}")
    return int(found != places or alarms > 0.01 * total)


if __name__ == "__main__":
    sys.exit(main())
