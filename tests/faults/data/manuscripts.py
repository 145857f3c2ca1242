"""Faults of a whole manuscript: each takes clean passages and gives files back, and where what must be found."""

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

Passages = list[str]
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Made:
    """A spoilt manuscript: its name, its bytes, and the places at one of which, each, the fault must be found."""

    filename: str
    raw: bytes
    places: list[set[str]]


Make = Callable[[Passages, random.Random], Made]


@dataclass(frozen=True)
class Fault:
    """A kind of fault, the code of its finding or error, and how it is made."""

    name: str
    code: str
    make: Make


def pack(files: Files) -> bytes:
    """Files as a .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def name(index: int) -> str:
    """The file of a passage."""
    return f"chunk_{index:03}.txt"


def curated(passages: Passages, *found: int | set[int]) -> Made:
    """Passages as a .zip of chunk files; the fault is in each of these, or in one of a set."""
    raw = pack({name(index): text.encode() for index, text in enumerate(passages)})
    places = [{name(place)} if isinstance(place, int) else set(map(name, place)) for place in found]
    return Made("chunks.zip", raw, places)


def choose(passages: Passages, chance: random.Random, count: int = 3) -> list[int]:
    """Passages to spoil, in order."""
    return sorted(chance.sample(range(2, len(passages) - 1), count))


def copy_whole(passages: Passages, chance: random.Random) -> Made:
    """Passages that are there again at the end."""
    chosen = choose(passages, chance)
    return curated([*passages, *(passages[index] for index in chosen)], *range(len(passages), len(passages) + 3))


def copy_nearly(passages: Passages, chance: random.Random) -> Made:
    """Passages that are there again with one word in twenty changed."""
    again = []
    for index in choose(passages, chance):
        words = passages[index].split(" ")
        again.append(" ".join("indeed" if chance.random() < 0.05 else word for word in words))
    return curated([*passages, *again], *range(len(passages), len(passages) + 3))


def overlap(passages: Passages, chance: random.Random) -> Made:
    """Passages that end with the first half of the next one, as sliding windows do."""
    chosen = choose(passages, chance)
    spoilt = list(passages)
    for index in chosen:
        words = passages[index + 1].split(" ")
        spoilt[index] = passages[index] + "\n\n" + " ".join(words[: len(words) // 2])
    return curated(spoilt, *({index, index + 1} for index in chosen))


def slide(passages: Passages, _: random.Random) -> Made:
    """Passages that each begin with the last sixth of the one before, so that some would train what tests."""
    tails = [" ".join(text.split(" ")[-len(text.split(" ")) // 6 :]) for text in passages]
    spoilt = [passages[0], *(f"{tail}\n\n{text}" for tail, text in zip(tails, passages[1:], strict=False))]
    return curated(spoilt, set(range(len(spoilt))))


def mosaic(passages: Passages, chance: random.Random) -> Made:
    """Passages sewn together from twelve others each; some are held out by the seed, and what they are of trains."""
    sewn = []
    for _ in range(10):
        parts = [passages[index].split(" ") for index in chance.sample(range(len(passages)), 12)]
        starts = [chance.randrange(len(words) - 30) for words in parts]
        sewn.append(" ".join(word for words, at in zip(parts, starts, strict=True) for word in words[at : at + 28]))
    return curated([*passages, *sewn], set(range(len(passages), len(passages) + 10)))


def copy_paragraph(passages: Passages, chance: random.Random) -> Made:
    """One long paragraph that is there again in a later passage."""
    chosen = choose(passages[len(passages) // 2 :], chance)
    spoilt = list(passages)
    places = [len(passages) // 2 + index for index in chosen]
    for index, place in enumerate(places):
        paragraph = re.sub(r"\s+", " ", " ".join(passages[index].split()[:60]))
        spoilt[index] = f"{paragraph}.\n\n{passages[index]}"
        spoilt[place] = f"{passages[place]}\n\n{paragraph}."
    return curated(spoilt, *places)


def same_opening(passages: Passages, chance: random.Random) -> Made:
    """Passages that a template opens."""
    chosen = choose(passages, chance, 6)
    spoilt = [f"In this part of the story, {text}" if index in chosen else text for index, text in enumerate(passages)]
    return curated(spoilt, set(chosen))


def same_lengths(passages: Passages, chance: random.Random) -> Made:
    """Text cut blindly every so many words."""
    words, size = " ".join(passages).split(" "), chance.randrange(350, 450)
    made = curated([" ".join(words[at : at + size]) for at in range(0, len(words) - size, size)])
    return Made(made.filename, made.raw, [{made.filename}])


def all_cut(passages: Passages, chance: random.Random) -> Made:
    """Text cut blindly, so that nearly every passage is broken off."""
    words = " ".join(passages).split(" ")
    texts, at = [], 0
    while at < len(words) - 500:
        size = chance.randrange(350, 500)
        texts.append(" ".join(words[at : at + size]) + " and")
        at += size
    return curated(texts, *choose(texts, chance))


def two_languages(passages: Passages, chance: random.Random) -> Made:
    """A few passages in another language."""
    from tests.faults.data.languages import FRENCH, GERMAN

    chosen = choose(passages, chance)
    spoilt = list(passages)
    for index in chosen:
        sentences = chance.choice((FRENCH, GERMAN)).split(". ")
        spoilt[index] = ". ".join(chance.choice(sentences) for _ in range(25)) + "."
    return curated(spoilt, *chosen)


def tiny_vocabulary(passages: Passages, chance: random.Random) -> Made:
    """Sentences of forty words in every order."""
    words = sorted(set(re.findall(r"[a-z]{3,}", passages[0])))[:40]
    sentences = [" ".join(chance.choice(words) for _ in range(9)).capitalize() + "." for _ in range(1200)]
    made = curated([" ".join(sentences[at : at + 45]) for at in range(0, len(sentences), 45)])
    return Made(made.filename, made.raw, [{made.filename}])


def spoil_files(change: Callable[[bytes, random.Random], bytes]) -> Make:
    """Some chunk files changed as bytes."""

    def make(passages: Passages, chance: random.Random) -> Made:
        chosen = choose(passages, chance)
        files = {name(index): text.encode() for index, text in enumerate(passages)}
        spoilt = {key: change(raw, chance) if key in map(name, chosen) else raw for key, raw in files.items()}
        return Made("chunks.zip", pack(spoilt), [{name(index)} for index in chosen])

    return make


def lose(raw: bytes, chance: random.Random) -> bytes:
    """A third of a file's bytes overwritten by chance."""
    return bytes(chance.randrange(256) if chance.random() < 0.3 else byte for byte in raw)


def file(filename: str, change: Callable[[bytes, random.Random], bytes], place: str = "training_file") -> Make:
    """One file with all passages, changed as bytes."""
    return lambda passages, chance: Made(filename, change("\n\n".join(passages).encode(), chance), [{place}])


def spoil_rows(change: Callable[[dict[str, Any], random.Random], object]) -> Make:
    """Some rows of a .jsonl file changed; what is no object then is written as it is."""

    def make(passages: Passages, chance: random.Random) -> Made:
        chosen = choose(passages, chance)
        lines = []
        for index, text in enumerate(passages):
            asks = {"role": "user", "content": "Write."}
            row: object = {"messages": [asks, {"role": "assistant", "content": text}]}
            row = change(copy.deepcopy(row), chance) if index in chosen else row  # type: ignore[arg-type]
            lines.append(row if isinstance(row, str) else json.dumps(row))
        raw = "\n".join(lines).encode()
        return Made("rows.jsonl", raw, [{f"rows.jsonl, line {index + 1}"} for index in chosen])

    return make


def answer(text: str) -> Callable[[dict[str, Any], random.Random], object]:
    """A row with another answer."""

    def change(row: dict[str, Any], _: random.Random) -> object:
        row["messages"][-1]["content"] = text
        return row

    return change


def rename(role: str) -> Callable[[dict[str, Any], random.Random], object]:
    """A row whose answer has another role."""

    def change(row: dict[str, Any], _: random.Random) -> object:
        row["messages"][-1]["role"] = role
        return row

    return change


def short(passages: Passages, chance: random.Random) -> Made:
    """Far too little text."""
    return Made("book.txt", passages[chance.randrange(len(passages))].encode(), [{"training_file"}])


FAULTS = [
    Fault("copied passage", "passage_repeated", copy_whole),
    Fault("nearly copied passage", "near_duplicate", copy_nearly),
    Fault("overlapping passages", "near_duplicate", overlap),
    Fault("sliding windows", "twin_left_out", slide),
    Fault("text sewn together from others", "text_leaked", mosaic),
    Fault("copied paragraph", "paragraph_repeated", copy_paragraph),
    Fault("openings from a template", "same_opening", same_opening),
    Fault("one length", "same_lengths", same_lengths),
    Fault("blind cuts", "cut_end", all_cut),
    Fault("passages in another language", "other_language", two_languages),
    Fault("tiny vocabulary", "tiny_vocabulary", tiny_vocabulary),
    Fault("empty file", "invalid_training_file", spoil_files(lambda *_: b"")),
    Fault("white space only", "invalid_training_file", spoil_files(lambda *_: b" \n\t\n ")),
    Fault("binary file", "invalid_training_file", spoil_files(lambda raw, _: raw[:99] + b"\0\1\2" + raw[99:])),
    Fault("damaged bytes", "invalid_training_file", spoil_files(lose)),
    Fault("Western encoding", "guessed_encoding", spoil_files(lambda raw, _: raw.replace(b" the ", b" th\xe9 "))),
    Fault("empty book", "invalid_training_file", file("book.txt", lambda *_: b"", "book.txt")),
    Fault("too little text", "invalid_n_examples", short),
    Fault("a .zip cut off", "invalid_training_file", file("book.zip", lambda raw, _: pack({"book.txt": raw})[:-90])),
    Fault("a .zip without text", "invalid_training_file", file("book.zip", lambda raw, _: pack({"book.exe": raw}))),
    Fault("broken JSON", "invalid_training_file", spoil_rows(lambda row, _: json.dumps(row)[:-3])),
    Fault("a row that is no object", "invalid_training_file", spoil_rows(lambda *_: "[1, 2]")),
    Fault("an unknown role", "invalid_training_file", spoil_rows(rename("narrator"))),
    Fault("two questions in a row", "invalid_training_file", spoil_rows(rename("user"))),
    Fault("an empty answer", "invalid_training_file", spoil_rows(answer(" \n"))),
    Fault("a row without an answer", "invalid_training_file", spoil_rows(lambda row, _: {"prompt": "Write."})),
    Fault("a row of no known form", "invalid_training_file", spoil_rows(lambda row, _: {"conversations": row})),
    Fault("a damaged .docx", "invalid_training_file", file("book.docx", lambda raw, _: raw, "book.docx")),
    Fault("a damaged .epub", "invalid_training_file", file("book.epub", lambda raw, _: pack({"a": raw}), "book.epub")),
    Fault("an unknown kind of file", "invalid_training_file", file("book.xyz", lambda raw, _: raw)),
]
