"""The parsers that a stranger can reach, each with small valid seeds and the way in that the services use."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from scriptorium.jobs.reporter import SilentReporter
from scriptorium.planning.manuscript_words import size_of_manuscript
from scriptorium.planning.model_shape import read_shape
from scriptorium.recipe import Recipe, load_recipe
from scriptorium.recipe_overrides import apply_overrides, parse_assignments
from services.data.cleaning.steps import CleaningLog
from services.data.cut_manuscript import gather_chapters
from services.data.readers import Manuscript, read_manuscript
from services.merger.exporting.export import export_model
from services.merger.inputs.adapter import read_adapter
from tests.fuzz.mutations import Mutator, change_archive, change_bytes, change_text, find_kind, pack
from tests.fuzz.seeds import list_recipes, manuscripts, pack_folder
from tests.unit.services.merger.exporting.test_merger_export import write_model
from tests.unit.services.merger.merger_models import write_adapter

PACKED = (".zip", ".docx", ".odt", ".epub", ".fbz", ".scriv.zip")


@dataclass(frozen=True)
class Target:
    """What is tried: how often it is drawn, what makes bad input of a seed, and the ways in, with a folder for all."""

    weight: int
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutator
    ways: Sequence[Callable[[bytes, Path], None]]


def count_text(suffix: str, raw: bytes, folder: Path) -> None:
    """Count the words of a file as an estimate does."""
    path = folder / "content"
    path.write_bytes(raw)
    size_of_manuscript(path, f"book{suffix}", Recipe(name="fuzz"))


def read_text(suffix: str, raw: bytes, folder: Path) -> None:
    """Read a file as the data service does, and clean what was read."""
    path = folder / "content"
    path.write_bytes(raw)
    manuscript = read_manuscript(path, f"book{suffix}")
    check_writable(manuscript)
    for chapter in gather_chapters(manuscript, CleaningLog(), SilentReporter()):
        "\n".join([chapter.title, *chapter.paragraphs]).encode()


def check_writable(manuscript: Manuscript) -> None:
    """Raise UnicodeEncodeError if a text, a name or a finding could not be written to a file."""
    for part in manuscript.parts:
        f"{part.name}{part.title}{part.text}".encode()
        for section in part.sections:
            "\n".join([section.heading, *section.paragraphs]).encode()
    for row in manuscript.rows:
        f"{row.place}{row.chapter}{row.book}{row.stored_rejected}".encode()
        json.dumps(row.messages, ensure_ascii=False).encode()
    for finding in manuscript.findings:
        finding.model_dump_json()


def read_recipe(raw: bytes, folder: Path) -> None:
    """Read a recipe."""
    path = folder / "fuzz.yaml"
    path.write_bytes(raw)
    load_recipe(path)


def set_values(raw: bytes, folder: Path) -> None:
    """Set the value of each line of a recipe as the command line does, and the last one in a recipe of ours."""
    for line in raw.decode("utf-8", "replace").splitlines()[:100]:
        overrides = parse_assignments([f"training.learning_rate={line.partition(':')[2]}"])
    apply_overrides(Recipe(name="fuzz"), overrides if raw.strip() else {})


def read_adapter_folder(raw: bytes, folder: Path) -> None:
    """Read an adapter as the merge does."""
    unpack(raw, folder)
    read_adapter(folder)


def plan_folder(raw: bytes, folder: Path) -> None:
    """Read the shape of a model as a plan does."""
    unpack(raw, folder / "model")
    read_shape(folder / "model")


def export_folder(raw: bytes, folder: Path) -> None:
    """Write a model's GGUF file as an export does."""
    export_model(folder / "model", "gguf-q8_0", folder / "model.gguf", SilentReporter())


def unpack(raw: bytes, folder: Path) -> None:
    """Write the members of an archive that was made here."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():
            (folder / name).write_bytes(archive.read(name))


def change_member(random: Random, raw: bytes) -> bytes:
    """Change one file of a folder, or drop it; what is packed stays a good archive."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    if random.random() < 0.03:
        del members[name]
    elif name.endswith(".safetensors"):
        members[name] = change_tensors(random, members[name])
    else:
        members[name] = change_text(find_kind(name))(random, members[name])
    return pack(list(members.items()))


def change_tensors(random: Random, raw: bytes) -> bytes:
    """Change the header of a safetensors file, mostly with its length put right, or any of its bytes."""
    if random.random() < 0.3:
        return change_bytes(random, raw)
    length = int.from_bytes(raw[:8], "little")
    header = change_text("json")(random, raw[8 : 8 + length])
    stated = len(header) if random.random() < 0.9 else random.choice((0, 1, len(header) - 1, 1 << 40, (1 << 64) - 1))
    return max(0, stated).to_bytes(8, "little") + header + raw[8 + length :]


def find_manuscripts(suffix: str) -> Sequence[bytes]:
    """Return the small files of a type."""
    return manuscripts()[suffix]


TYPES = (".txt", ".md", ".docx", ".odt", ".rtf", ".fb2", ".fbz", ".epub", ".html", ".pdf", ".fountain", ".scriv.zip",
         ".jsonl", ".zip")  # fmt: skip
TARGETS = {
    suffix.removeprefix("."): Target(
        6,
        partial(find_manuscripts, suffix),
        change_archive if suffix in PACKED else change_text(find_kind(suffix)),
        [partial(way, ".zip" if suffix == ".scriv.zip" else suffix) for way in (count_text, read_text)],
    )
    for suffix in TYPES
} | {
    "recipe": Target(5, list_recipes, change_text("yaml"), [read_recipe, set_values]),
    "adapter": Target(6, lambda: pack_folder(write_adapter), change_member, [read_adapter_folder]),
    "gguf": Target(4, lambda: pack_folder(write_model), change_member, [plan_folder, export_folder]),
}


@cache
def find_seeds(name: str) -> Sequence[bytes]:
    """Return the seeds of a target, made once in a process."""
    return TARGETS[name].seeds()
