"""Write a merged model as one GGUF file, for llama.cpp and Ollama: block by block, with the maintained package `gguf`.

    export_model(folder, "gguf-q8_0", folder / "exports" / "model-q8_0.gguf", ConsoleReporter())

The package knows the format, the tensors' names and the quantisation; `services.merger.exporting.llama` knows what is
particular to the architecture. No torch, and memory grows with neither the model nor a tensor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Stored
from gguf import quants
from numpy.typing import NDArray

from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import Level
from scriptorium.errors import BaseModelUnusable, DiskFull, MergeFailed, Problem, ScriptoriumError
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import Export
from services.merger.exporting.llama import Llama, read_llama
from services.merger.exporting.vocabulary import add_vocabulary
from services.merger.inputs.base import Base, open_base
from services.merger.inputs.safetensors_file import FLOATS, Float32, Tensor, all_finite, opened, read_rows, row_blocks
from services.merger.writing.worker_pool import Progress

FOLDER = "exports"
KINDS: dict[str, Stored] = {"gguf-f16": Stored.F16, "gguf-q8_0": Stored.Q8_0}
FILE_TYPES = {Stored.F16: gguf.LlamaFileType.MOSTLY_F16, Stored.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0}
FACTORS = "rope_freqs.weight"
SLACK = 64 << 20  # bytes of vocabulary, header and padding


@dataclass(frozen=True)
class Entry:
    """A tensor of the model, its name in GGUF, and how it is stored there."""

    tensor: Tensor
    path: Path
    name: str
    kind: Stored

    @property
    def bytes(self) -> int:
        """How many bytes it takes in the file."""
        block, size = gguf.GGML_QUANT_SIZES[self.kind]
        return int(np.prod(self.tensor.shape)) // int(block) * int(size)


def export_all(exports: list[Export], folder: Path, reporter: Reporter, free: int) -> list[str]:
    """Write each format into exports/ of a model's folder, and return the names of the files.

    One that cannot be is told, and the model is whole all the same. Raises DiskFull and what `report.check` raises.
    """
    names = []
    for export in exports:
        name = f"{FOLDER}/model-{export.removeprefix('gguf-')}.gguf"
        try:
            export_model(folder, export, folder / name, reporter, free)
        except (MergeFailed, BaseModelUnusable) as error:
            reporter.message(f"[MERGE] No {export}: {error} {error.next_step or ''}".strip(), Level.WARN)
        else:
            names.append(name)
    return names


def export_model(model: Path, export: Export, target: Path, reporter: Reporter, free: int | None = None) -> None:
    """Write a model folder as one GGUF file, which appears whole or not at all.

    Raises MergeFailed (an architecture, tokenizer or tensor that has no place there), BaseModelUnusable and DiskFull.
    """
    base = open_base(model)
    llama = read_llama(base.config)
    entries = plan(base, llama, KINDS[export])
    needed = sum(entry.bytes for entry in entries) + SLACK
    if free is not None and free < needed:
        raise DiskFull(f"{export} needs {needed:,} bytes on the volume; {free:,} are free.")
    reporter.message(f"[MERGE] Writing {target.name}, {needed / 1e9:.2f} GB")
    temporary = target.with_name(f"{target.name}.part")
    writer = gguf.GGUFWriter(temporary, llama.architecture)
    with disk_errors():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            writing = Writing(writer, llama, entries, reporter)
            writing.head(model, base.embeddings.shape[0])
            writing.body()
            temporary.rename(target)
        except (OSError, ScriptoriumError):
            temporary.unlink(missing_ok=True)
            raise
        finally:
            writer.close()


def plan(base: Base, llama: Llama, kind: Stored) -> list[Entry]:
    """Every tensor with its name there; raises MergeFailed with all that have none or are no floats."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, llama.layers)
    entries, problems = [], []
    for name, tensor in base.tensors.items():
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None or tensor.dtype not in FLOATS:
            problems.append(Problem(name, f"is {tensor}, which has no place in a {llama.architecture} file"))
        else:
            entries.append(Entry(tensor, base.path_of(name), found, stored_as(tensor, kind)))
    if problems:
        raise MergeFailed(f"{len(problems)} tensor(s) cannot be exported.", problems=problems, next_step=llama.instead)
    return entries


def stored_as(tensor: Tensor, kind: Stored) -> Stored:
    """Vectors stay fp32, and rows that do not divide into blocks fp16, as llama.cpp's own converter does it."""
    if len(tensor.shape) < 2:
        return Stored.F32
    return kind if tensor.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else Stored.F16


@dataclass(frozen=True)
class Writing:
    """One file on its way to the disk."""

    writer: gguf.GGUFWriter
    llama: Llama
    entries: list[Entry]
    reporter: Reporter

    def head(self, folder: Path, rows: int) -> None:
        """Write what stands before the values: numbers, a vocabulary of `rows` tokens, every tensor's place."""
        sizes = {kind: sum(entry.bytes for entry in self.entries if entry.kind is kind) for kind in FILE_TYPES}
        self.llama.describe(self.writer, FILE_TYPES[max(sizes, key=sizes.__getitem__)], folder.name)
        add_vocabulary(self.writer, folder, rows)
        factors = self.llama.frequency_factors()
        if factors is not None:
            self.writer.add_tensor_info(FACTORS, factors.shape, factors.dtype, factors.nbytes)
        for entry in self.entries:
            self.writer.add_tensor_info(entry.name, entry.tensor.shape, np.dtype(np.float32), entry.bytes, entry.kind)
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_ti_data_to_file()

    def body(self) -> None:
        """Write every tensor, each at a multiple of the alignment, and make the file durable."""
        [file] = self.writer.fout or []
        progress = Progress(self.reporter, sum(entry.bytes for entry in self.entries), doing="exported")
        factors = self.llama.frequency_factors()
        self.tensor(file, iter(() if factors is None else (factors,)), progress)
        for entry in self.entries:
            self.tensor(file, blocks(entry, self.llama), progress)
        file.flush()
        os.fsync(file.fileno())

    def tensor(self, file: BinaryIO, values: Iterator[NDArray[Any]], progress: Progress) -> None:
        """Write one tensor, block by block."""
        file.write(bytes(-file.tell() % self.writer.data_alignment))
        for block in values:
            block.tofile(file)
            progress.advance(block.nbytes)
        file.write(bytes(-file.tell() % self.writer.data_alignment))


def blocks(entry: Entry, llama: Llama) -> Iterator[NDArray[Any]]:
    """A tensor's values as they are stored there, some rows at a time; raises MergeFailed where fp16 is too small."""
    head = llama.rows_of_a_head(entry.tensor.name)
    with opened(entry.path) as source:
        for rows in row_blocks(entry.tensor, multiple=head or 1):
            values = read_rows(source, entry.tensor, rows).astype(np.float32)
            with np.errstate(over="ignore"):
                stored = quants.quantize(interleave(values, head) if head else values, entry.kind)
            if entry.kind is Stored.F16 and not all_finite(stored, "F16"):
                raise MergeFailed(f"{entry.tensor.name} has values that fp16 cannot hold.", next_step=llama.instead)
            yield stored


def interleave(values: Float32, head: int) -> Float32:
    """Rows of query and key in llama.cpp's order: it turns neighbours, transformers turns the halves of a head."""
    halves = values.reshape(-1, 2, head // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)
