"""Faults of a whole manuscript: each takes clean passages and returns files, with the places of the fault."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.data.languages import FRENCH, GERMAN

Passages = list[str]
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class SpoiltManuscript:
    """A spoilt manuscript: its name, its bytes, and sets of places (targets), each of which needs a finding."""

    filename: str
    raw: bytes
    targets: list[set[str]]


Make = Callable[[Passages, random.Random], SpoiltManuscript]


@dataclass(frozen=True)
class ManuscriptFault:
    """A kind of fault, the code of its finding or error, and the function that makes it."""

    name: str
    code: str
    make: Make


def pack(files: Files) -> bytes:
    """Pack files into a .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def chunk_name(index: int) -> str:
    """Return the file name of a passage."""
    return f"chunk_{index:03}.txt"


def make_chunks(passages: Passages, *spoilt: int | set[int]) -> SpoiltManuscript:
    """Pack passages into a .zip of chunk files; the fault is in each spoilt passage, or in one of a set."""
    raw = pack({chunk_name(index): text.encode() for index, text in enumerate(passages)})
    targets = [{chunk_name(index)} if isinstance(index, int) else set(map(chunk_name, index)) for index in spoilt]
    return SpoiltManuscript("chunks.zip", raw, targets)


def choose(passages: Passages, rng: random.Random, count: int = 3) -> list[int]:
    """Choose passages to spoil, in order."""
    return sorted(rng.sample(range(2, len(passages) - 1), count))


def copy_whole(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Repeat passages at the end."""
    chosen = choose(passages, rng)
    return make_chunks([*passages, *(passages[index] for index in chosen)], *range(len(passages), len(passages) + 3))


def copy_nearly(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Repeat passages at the end with one word in twenty changed."""
    copies = []
    for index in choose(passages, rng):
        words = passages[index].split(" ")
        copies.append(" ".join("indeed" if rng.random() < 0.05 else word for word in words))
    return make_chunks([*passages, *copies], *range(len(passages), len(passages) + 3))


def overlap(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Make passages end with the first half of the next one, as sliding windows do."""
    chosen = choose(passages, rng)
    spoilt = list(passages)
    for index in chosen:
        words = passages[index + 1].split(" ")
        spoilt[index] = passages[index] + "\n\n" + " ".join(words[: len(words) // 2])
    return make_chunks(spoilt, *({index, index + 1} for index in chosen))


def slide(passages: Passages, _: random.Random) -> SpoiltManuscript:
    """Make passages begin with the last sixth of the one before, so that some held-out text would train."""
    tails = [" ".join(text.split(" ")[-len(text.split(" ")) // 6 :]) for text in passages]
    spoilt = [passages[0], *(f"{tail}\n\n{text}" for tail, text in zip(tails, passages[1:], strict=False))]
    return make_chunks(spoilt, set(range(len(spoilt))))


def mosaic(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Sew ten passages together from twelve others each; the seed holds some of them out while their sources train."""
    sewn = []
    for _ in range(10):
        parts = [passages[index].split(" ") for index in rng.sample(range(len(passages)), 12)]
        starts = [rng.randrange(len(words) - 30) for words in parts]
        sewn.append(" ".join(word for words, at in zip(parts, starts, strict=True) for word in words[at : at + 28]))
    return make_chunks([*passages, *sewn], set(range(len(passages), len(passages) + 10)))


def copy_paragraph(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Repeat a long paragraph in a later passage."""
    chosen = choose(passages[len(passages) // 2 :], rng)
    spoilt = list(passages)
    later = [len(passages) // 2 + index for index in chosen]
    for index, copy_index in enumerate(later):
        paragraph = re.sub(r"\s+", " ", " ".join(passages[index].split()[:60]))
        spoilt[index] = f"{paragraph}.\n\n{passages[index]}"
        spoilt[copy_index] = f"{passages[copy_index]}\n\n{paragraph}."
    return make_chunks(spoilt, *later)


def same_opening(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Open some passages with the same words."""
    chosen = choose(passages, rng, 6)
    spoilt = [f"In this part of the story, {text}" if index in chosen else text for index, text in enumerate(passages)]
    return make_chunks(spoilt, set(chosen))


def same_lengths(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Cut the text blindly every so many words."""
    words, size = " ".join(passages).split(" "), rng.randrange(350, 450)
    made = make_chunks([" ".join(words[at : at + size]) for at in range(0, len(words) - size, size)])
    return SpoiltManuscript(made.filename, made.raw, [{made.filename}])


def all_cut(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Cut the text blindly, so that nearly every passage is broken off."""
    words = " ".join(passages).split(" ")
    texts, at = [], 0
    while at < len(words) - 500:
        size = rng.randrange(350, 500)
        texts.append(" ".join(words[at : at + size]) + " and")
        at += size
    return make_chunks(texts, *choose(texts, rng))


def two_languages(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Write a few passages in another language."""

    chosen = choose(passages, rng)
    spoilt = list(passages)
    for index in chosen:
        sentences = rng.choice((FRENCH, GERMAN)).split(". ")
        spoilt[index] = ". ".join(rng.choice(sentences) for _ in range(25)) + "."
    return make_chunks(spoilt, *chosen)


def tiny_vocabulary(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Write sentences of forty different words in random order."""
    words = sorted(set(re.findall(r"[a-z]{3,}", passages[0])))[:40]
    sentences = [" ".join(rng.choice(words) for _ in range(9)).capitalize() + "." for _ in range(1200)]
    made = make_chunks([" ".join(sentences[at : at + 45]) for at in range(0, len(sentences), 45)])
    return SpoiltManuscript(made.filename, made.raw, [{made.filename}])


def spoil_files(change: Callable[[bytes, random.Random], bytes]) -> Make:
    """Change the bytes of some chunk files."""

    def make(passages: Passages, rng: random.Random) -> SpoiltManuscript:
        chosen = choose(passages, rng)
        files = {chunk_name(index): text.encode() for index, text in enumerate(passages)}
        spoilt = {name: change(raw, rng) if name in map(chunk_name, chosen) else raw for name, raw in files.items()}
        return SpoiltManuscript("chunks.zip", pack(spoilt), [{chunk_name(index)} for index in chosen])

    return make


def overwrite(raw: bytes, rng: random.Random) -> bytes:
    """Overwrite a third of a file's bytes at random."""
    return bytes(rng.randrange(256) if rng.random() < 0.3 else byte for byte in raw)


def file(filename: str, change: Callable[[bytes, random.Random], bytes], place: str = "training_file") -> Make:
    """Change the bytes of one file with all passages."""
    return lambda passages, rng: SpoiltManuscript(filename, change("\n\n".join(passages).encode(), rng), [{place}])


def spoil_rows(change: Callable[[dict[str, Any], random.Random], object]) -> Make:
    """Change some rows of a .jsonl file; a changed row that is a string is written as it is."""

    def make(passages: Passages, rng: random.Random) -> SpoiltManuscript:
        chosen = choose(passages, rng)
        lines = []
        for index, text in enumerate(passages):
            question = {"role": "user", "content": "Write."}
            row: object = {"messages": [question, {"role": "assistant", "content": text}]}
            row = change(copy.deepcopy(row), rng) if index in chosen else row  # type: ignore[arg-type]
            lines.append(row if isinstance(row, str) else json.dumps(row))
        raw = "\n".join(lines).encode()
        return SpoiltManuscript("rows.jsonl", raw, [{f"rows.jsonl, line {index + 1}"} for index in chosen])

    return make


def answer(text: str) -> Callable[[dict[str, Any], random.Random], object]:
    """Change the answer of a row."""

    def change(row: dict[str, Any], _: random.Random) -> object:
        row["messages"][-1]["content"] = text
        return row

    return change


def rename(role: str) -> Callable[[dict[str, Any], random.Random], object]:
    """Change the role of a row's answer."""

    def change(row: dict[str, Any], _: random.Random) -> object:
        row["messages"][-1]["role"] = role
        return row

    return change


def short(passages: Passages, rng: random.Random) -> SpoiltManuscript:
    """Send far too little text."""
    return SpoiltManuscript("book.txt", passages[rng.randrange(len(passages))].encode(), [{"training_file"}])


FAULTS = [
    ManuscriptFault("copied passage", "passage_repeated", copy_whole),
    ManuscriptFault("nearly copied passage", "near_duplicate", copy_nearly),
    ManuscriptFault("overlapping passages", "near_duplicate", overlap),
    ManuscriptFault("sliding windows", "twin_left_out", slide),
    ManuscriptFault("text sewn together from others", "text_leaked", mosaic),
    ManuscriptFault("copied paragraph", "paragraph_repeated", copy_paragraph),
    ManuscriptFault("openings from a template", "same_opening", same_opening),
    ManuscriptFault("one length", "same_lengths", same_lengths),
    ManuscriptFault("blind cuts", "cut_end", all_cut),
    ManuscriptFault("passages in another language", "other_language", two_languages),
    ManuscriptFault("tiny vocabulary", "tiny_vocabulary", tiny_vocabulary),
    ManuscriptFault("empty file", "invalid_training_file", spoil_files(lambda *_: b"")),
    ManuscriptFault("white space only", "invalid_training_file", spoil_files(lambda *_: b" \n\t\n ")),
    ManuscriptFault(
        "binary file", "invalid_training_file", spoil_files(lambda raw, _: raw[:99] + b"\0\1\2" + raw[99:])
    ),
    ManuscriptFault("damaged bytes", "invalid_training_file", spoil_files(overwrite)),
    ManuscriptFault(
        "Western encoding", "guessed_encoding", spoil_files(lambda raw, _: raw.replace(b" the ", b" th\xe9 "))
    ),
    ManuscriptFault("empty book", "invalid_training_file", file("book.txt", lambda *_: b"", "book.txt")),
    ManuscriptFault("too little text", "invalid_n_examples", short),
    ManuscriptFault(
        "a .zip cut off", "invalid_training_file", file("book.zip", lambda raw, _: pack({"book.txt": raw})[:-90])
    ),
    ManuscriptFault(
        "a .zip without text", "invalid_training_file", file("book.zip", lambda raw, _: pack({"book.exe": raw}))
    ),
    ManuscriptFault("broken JSON", "invalid_training_file", spoil_rows(lambda row, _: json.dumps(row)[:-3])),
    ManuscriptFault("a row that is no object", "invalid_training_file", spoil_rows(lambda *_: "[1, 2]")),
    ManuscriptFault("an unknown role", "invalid_training_file", spoil_rows(rename("narrator"))),
    ManuscriptFault("two questions in a row", "invalid_training_file", spoil_rows(rename("user"))),
    ManuscriptFault("an empty answer", "invalid_training_file", spoil_rows(answer(" \n"))),
    ManuscriptFault(
        "a row without an answer", "invalid_training_file", spoil_rows(lambda row, _: {"prompt": "Write."})
    ),
    ManuscriptFault(
        "a row of no known form", "invalid_training_file", spoil_rows(lambda row, _: {"conversations": row})
    ),
    ManuscriptFault("a damaged .docx", "invalid_training_file", file("book.docx", lambda raw, _: raw, "book.docx")),
    ManuscriptFault(
        "a damaged .epub", "invalid_training_file", file("book.epub", lambda raw, _: pack({"a": raw}), "book.epub")
    ),
    ManuscriptFault("an unknown kind of file", "invalid_training_file", file("book.xyz", lambda raw, _: raw)),
]
