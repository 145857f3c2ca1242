"""What bench.data runs in processes of their own: `python -m bench.data_child TASK PATH ...`.

    prepare BOOKS DATASET   a folder of novels through the data service, as the recipe qlora has it
    compile                 only imported, so that Python compiles what it has not yet
    encode DATASET          its passages through the bare tokenizer's encode_batch
    copy BOOKS FOLDER       COPIES of the novels in which all but the most frequent words are exchanged
    book BOOKS FILE         LIBRARY of them in one text

The last thing printed is the seconds of work.
"""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.data import COPIES, LIBRARY
from scriptorium.local.demo_assets import BASE
from scriptorium.local.environments import DEMO, PROJECT

MODEL = DEMO / "models" / BASE
COMMON = 120  # words that stay: they make a text English
BLOCK = 80  # words about as frequent, which change places
KEPT = frozenset(["chapter", "part", "book", "prologue"])
WORD = re.compile(r"[A-Za-z]+")


def prepare(books: Path, dataset: Path) -> float:
    """Prepare novels; Axolotl's configuration for the rows is left beside them."""
    from scriptorium.contracts import PrepareRequest, TrainRequest
    from scriptorium.jobs.reporter import SilentReporter
    from scriptorium.models.tokenizer import chat_tokenizer
    from scriptorium.recipe import find_recipe
    from services.data.prepare import prepare_manuscript
    from services.trainer.run.axolotl import make_config

    recipe = find_recipe("qlora", PROJECT / "recipes")
    data = recipe.data
    request = PrepareRequest(
        manuscript=books, filename=books.name, base=MODEL, prompt=data.prompt, mix=data.mix,
        sequence_len=recipe.training.sequence_len, chunking=data.chunking, split=data.split,
    )  # fmt: skip
    dataset.mkdir()
    chat_tokenizer(MODEL).count(["Importing and loading take a second or two."])
    started = time.perf_counter()
    prepare_manuscript(request, dataset, SilentReporter())
    seconds = time.perf_counter() - started
    training = recipe.training.model_copy(update={"adapter": "lora"})
    train = TrainRequest(dataset=dataset, base=MODEL, training=training)
    config = {**make_config(train, dataset, [], [], gpu=False), "plugins": None}
    (dataset / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return seconds


def load() -> float:
    """Import all that preparing needs."""
    started = time.perf_counter()
    import scriptorium.models.chat_template  # noqa: F401
    import services.data.prepare
    import services.trainer.run.axolotl  # noqa: F401

    return time.perf_counter() - started


def encode(dataset: Path) -> float:
    """Tokenise every passage in one call."""
    from tokenizers import Tokenizer

    from scriptorium.artifacts.dataset import SPLITS, read_rows

    texts = [row.passage for name in SPLITS for row in read_rows(dataset / f"{name}.jsonl")]
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.encode_batch(["One call before."], add_special_tokens=False)
    started = time.perf_counter()
    tokenizer.encode_batch(texts, add_special_tokens=False)
    return time.perf_counter() - started


def copy(books: Path, folder: Path, copies: int = COPIES) -> float:
    """The text again and again, none of it a near-duplicate, with the same look and the same kinds of words."""
    folder.mkdir()
    started = time.perf_counter()
    texts = {path.stem: html.unescape(path.read_bytes().decode("cp1252")) for path in sorted(books.glob("*.txt"))}
    counts = Counter(word.lower() for text in texts.values() for word in WORD.findall(text))
    rare = [word for word, _ in counts.most_common()[COMMON:] if len(word) > 3 and word not in KEPT]
    for number in range(copies):
        other = exchange(rare, number)
        for name, text in texts.items():
            (folder / f"{number:02}-{name}.txt").write_text(disguise(text, other), encoding="utf-8")
    return time.perf_counter() - started


def book(books: Path, file: Path) -> float:
    """A book of a hundred megabytes."""
    folder = file.with_suffix("")
    seconds = copy(books, folder, LIBRARY)
    with file.open("w", encoding="utf-8") as joined:
        for path in sorted(folder.glob("*.txt")):
            joined.write(path.read_text(encoding="utf-8") + "\n\n\n")
    shutil.rmtree(folder)
    return seconds


def exchange(words: list[str], seed: int) -> dict[str, str]:
    """Another word for each, about as frequent; with seed 0 the same one."""
    other: dict[str, str] = {}
    for start in range(0, len(words), BLOCK):
        block = words[start : start + BLOCK]
        drawn = random.Random(seed).sample(block, len(block)) if seed else block  # noqa: S311  # no secret
        other |= dict(zip(block, drawn, strict=True))
    return other


def disguise(text: str, other: dict[str, str]) -> str:
    """A text with other words, capitalised as they were; what is all in capitals stays, as headings do."""

    def change(match: re.Match[str]) -> str:
        word = match.group()
        found = other.get(word.lower(), word.lower())
        return word if word.isupper() else found.capitalize() if word[0].isupper() else found

    return WORD.sub(change, text)


TASKS: dict[str, Callable[..., float]] = {
    "prepare": prepare, "compile": load, "encode": encode, "copy": copy, "book": book,
}  # fmt: skip

if __name__ == "__main__":
    print(TASKS[sys.argv[1]](*map(Path, sys.argv[2:])))
