"""The tasks that bench.data runs in processes of their own: `python -m bench.data_child TASK PATH ...`.

    prepare BOOKS DATASET   a folder of novels through the data service, as the recipe qlora has it
    compile                 only the imports, so that Python compiles the modules
    encode DATASET          its passages through the bare tokenizer's encode_batch
    copy BOOKS FOLDER       COPIES of the novels in which all but the most frequent words are exchanged
    book BOOKS FILE         BOOK_COPIES of them in one text

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

from bench.data import BOOK_COPIES, COPIES
from scriptorium.local.demo_assets import BASE
from scriptorium.local.environments import DEMO, PROJECT

MODEL = DEMO / "models" / BASE
COMMON_WORDS = 120  # most frequent words, which stay: they make a text English
BLOCK_SIZE = 80  # words of about the same frequency, which change places
HEADING_WORDS = frozenset(["chapter", "part", "book", "prologue"])
WORD = re.compile(r"[A-Za-z]+")


def prepare(books: Path, dataset: Path) -> float:
    """Prepare novels, and write Axolotl's configuration for the rows beside them."""
    from scriptorium.contracts import PrepareRequest, TrainRequest
    from scriptorium.jobs.reporter import SilentReporter
    from scriptorium.models.tokenizer import chat_tokenizer
    from scriptorium.recipe import ResolvedTraining, find_recipe
    from services.data.prepare import prepare_manuscript
    from services.trainer.run.axolotl import TrainingRows, make_config

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
    training = ResolvedTraining(**{**recipe.training.model_dump(), "adapter": "lora"})
    train = TrainRequest(dataset=dataset, base=MODEL, training=training)
    config = {
        **make_config(train, training, dataset, TrainingRows([], [], []), gpu=False),
        "plugins": None,
        "dataset_num_proc": None,
    }
    (dataset / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return seconds


def import_modules() -> float:
    """Import all modules that preparing needs."""
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


def copy_books(books: Path, folder: Path, copies: int = COPIES) -> float:
    """Write copies of the text that are no near-duplicates, with the same layout and the same kinds of words."""
    folder.mkdir()
    started = time.perf_counter()
    texts = {path.stem: html.unescape(path.read_bytes().decode("cp1252")) for path in sorted(books.glob("*.txt"))}
    counts = Counter(word.lower() for text in texts.values() for word in WORD.findall(text))
    rare = [word for word, _ in counts.most_common()[COMMON_WORDS:] if len(word) > 3 and word not in HEADING_WORDS]
    for number in range(copies):
        replacements = exchange_words(rare, number)
        for name, text in texts.items():
            (folder / f"{number:02}-{name}.txt").write_text(disguise(text, replacements), encoding="utf-8")
    return time.perf_counter() - started


def join_books(books: Path, file: Path) -> float:
    """Write a book of a hundred megabytes."""
    folder = file.with_suffix("")
    seconds = copy_books(books, folder, BOOK_COPIES)
    with file.open("w", encoding="utf-8") as joined:
        for path in sorted(folder.glob("*.txt")):
            joined.write(path.read_text(encoding="utf-8") + "\n\n\n")
    shutil.rmtree(folder)
    return seconds


def exchange_words(words: list[str], seed: int) -> dict[str, str]:
    """Map each word to another one that is about as frequent; with seed 0 to itself."""
    replacements: dict[str, str] = {}
    for start in range(0, len(words), BLOCK_SIZE):
        block = words[start : start + BLOCK_SIZE]
        shuffled = random.Random(seed).sample(block, len(block)) if seed else block  # noqa: S311  # no secret
        replacements |= dict(zip(block, shuffled, strict=True))
    return replacements


def disguise(text: str, replacements: dict[str, str]) -> str:
    """Replace the words of a text and keep their capitals; words all in capitals stay, because they are headings."""

    def change(match: re.Match[str]) -> str:
        word = match.group()
        replacement = replacements.get(word.lower(), word.lower())
        return word if word.isupper() else replacement.capitalize() if word[0].isupper() else replacement

    return WORD.sub(change, text)


TASKS: dict[str, Callable[..., float]] = {
    "prepare": prepare, "compile": import_modules, "encode": encode, "copy": copy_books, "book": join_books,
}  # fmt: skip

if __name__ == "__main__":
    print(TASKS[sys.argv[1]](*map(Path, sys.argv[2:])))
