"""Write a merged model as one GGUF file, for llama.cpp and Ollama: block by block, with the maintained package `gguf`.

    export_model(folder, "gguf-q8_0", folder / "exports" / "model-q8_0.gguf", ConsoleReporter())

The package knows the format, the tensors' names and the simple types; `services.merger.exporting.llama` knows what is
particular to the architecture, and llama.cpp's own quantiser writes Q4_K_M. It needs no torch, and memory use does not
grow with the model or a tensor. A Modelfile for Ollama is written beside each file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
from gguf import GGMLQuantizationType as QuantType
from gguf import quants
from numpy.typing import NDArray

from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import Level
from scriptorium.errors import BaseModelUnusable, DiskFull, EnvironmentMissing, MergeFailed, Problem, ScriptoriumError
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tensor_files import Tensor
from scriptorium.models.weights import CONFIG
from scriptorium.recipe import Export
from scriptorium.settings import get_settings
from services.merger.exporting.llama import OTHER_CONVERTER, Llama, read_llama
from services.merger.exporting.modelfile import modelfile_path, write_modelfile
from services.merger.exporting.quantise import quantise, require_quantiser
from services.merger.exporting.vocabulary import add_vocabulary
from services.merger.inputs.base import Base, open_base
from services.merger.inputs.safetensors_file import FLOATS, Float32, all_finite, open_descriptor, read_rows, row_blocks
from services.merger.writing.worker_pool import MergeProgress

FOLDER = "exports"
MODEL_DAMAGE = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, FileNotFoundError,
    struct.error,
)  # fmt: skip  # the readers of these files trust them to be what they say
MAX_REASON = 200  # characters of an error
QUANT_TYPES: dict[str, QuantType] = {"gguf-f16": QuantType.F16, "gguf-q8_0": QuantType.Q8_0}
QUANTISED_TYPES: dict[str, gguf.LlamaFileType] = {"gguf-q4_k_m": gguf.LlamaFileType.MOSTLY_Q4_K_M}
QUANTISED_SHARE = 0.5  # of the fp16 file: 0.31 for an 8B, up to 0.41 where rows do not divide into blocks of 256
FILE_TYPES = {QuantType.F16: gguf.LlamaFileType.MOSTLY_F16, QuantType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0}
ROPE_FACTORS = "rope_freqs.weight"
SLACK_BYTES = 64 << 20  # bytes of vocabulary, header and padding


@dataclass(frozen=True)
class GgufTensor:
    """A tensor of the model, with its name and type in GGUF."""

    tensor: Tensor
    path: Path
    name: str
    quant_type: QuantType

    @property
    def bytes(self) -> int:
        """The size in bytes in the file."""
        block, size = gguf.GGML_QUANT_SIZES[self.quant_type]
        return int(np.prod(self.tensor.shape)) // int(block) * int(size)


def export_all(exports: list[Export], folder: Path, reporter: Reporter, free: int) -> list[str]:
    """Write each format into exports/ of a model's folder, and return the names of the files.

    A format that cannot be written is reported; the model is complete without it. Raises DiskFull and what
    `reporter.check` raises.
    """
    names = []
    for export in exports:
        path = folder / FOLDER / f"model-{export.removeprefix('gguf-')}.gguf"
        try:
            export_model(folder, export, path, reporter, free)
        except (MergeFailed, BaseModelUnusable, EnvironmentMissing) as error:
            reporter.message(f"[MERGE] {export} not written: {error} {error.next_step or ''}".strip(), Level.WARN)
        else:
            names += [f"{FOLDER}/{written.name}" for written in (path, modelfile_path(path))]
    return names


def export_model(model: Path, export: Export, target: Path, reporter: Reporter, free: int | None = None) -> None:
    """Write a model folder as one GGUF file, which appears complete or not at all, and its Modelfile.

    Raises MergeFailed (an unsupported architecture, tokenizer or tensor), BaseModelUnusable, DiskFull, and
    EnvironmentMissing if the format needs llama.cpp's quantiser.
    """
    with model_damage(model):
        if export in QUANT_TYPES:
            write_gguf(model, QUANT_TYPES[export], target, reporter, free=free)
        else:
            export_quantised(model, QUANTISED_TYPES[export], target, reporter, free)
        write_modelfile(model, target, reporter)


@contextmanager
def model_damage(model: Path) -> Iterator[None]:
    """Raise MergeFailed for what the configuration or tokenizer of a foreign model has that it should not have."""
    try:
        yield
    except MODEL_DAMAGE as error:
        missing = isinstance(error, FileNotFoundError) and Path(error.filename).name
        reason = f"{missing} is missing" if missing else str(error)[:MAX_REASON] or type(error).__name__
        message = f"{model.name} cannot be written as GGUF: its configuration or tokenizer is damaged ({reason})."
        raise MergeFailed(message, param=CONFIG, next_step=OTHER_CONVERTER) from error


def export_quantised(
    model: Path, file_type: gguf.LlamaFileType, target: Path, reporter: Reporter, free: int | None
) -> None:
    """Write a file that llama.cpp quantises, by way of an fp16 file that is removed again."""
    require_quantiser(get_settings().llama_env)  # before the long work
    source = target.with_name(f"{target.name}.f16")
    try:
        write_gguf(model, QuantType.F16, source, reporter, free=free, extra=QUANTISED_SHARE)
        reporter.message(f"[MERGE] llama.cpp quantises {target.name}")
        quantise(source, target, file_type, reporter)
    finally:
        source.unlink(missing_ok=True)


def write_gguf(
    model: Path, quant_type: QuantType, target: Path, reporter: Reporter, *, free: int | None, extra: float = 0.0
) -> None:
    """Write a GGUF file of one type; `extra` is what else will be written to the disk, as a share of it."""
    base = open_base(model)
    llama = read_llama(base.config)
    tensors = plan_tensors(base, llama, quant_type)
    size = sum(tensor.bytes for tensor in tensors) + SLACK_BYTES
    needed = round(size * (1 + extra))
    if free is not None and free < needed:
        raise DiskFull(f"{target.name} needs {needed:,} bytes on the volume; {free:,} are free.")
    reporter.message(f"[MERGE] Writing {target.name}, {size / 1e9:.2f} GB")
    temporary = target.with_name(f"{target.name}.part")
    writer = gguf.GGUFWriter(temporary, llama.architecture)
    with disk_errors():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            export_writer = ExportWriter(writer, llama, tensors, reporter)
            export_writer.write_header(model, base.embeddings.shape[0])
            export_writer.write_tensors()
            temporary.rename(target)
        except (OSError, ScriptoriumError):
            temporary.unlink(missing_ok=True)
            raise
        finally:
            writer.close()


def plan_tensors(base: Base, llama: Llama, quant_type: QuantType) -> list[GgufTensor]:
    """Map every tensor to its GGUF name and type; raises MergeFailed with all that have no name or are not floats."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, llama.layers)
    tensors, problems = [], []
    for name, tensor in base.tensors.items():
        gguf_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if gguf_name is None or tensor.dtype not in FLOATS:
            problems.append(Problem(name, f"is {tensor}, which a {llama.architecture} file cannot hold"))
        else:
            tensors.append(GgufTensor(tensor, base.path_of(name), gguf_name, storage_type(tensor, quant_type)))
    if problems:
        raise MergeFailed(
            f"{len(problems)} tensor(s) cannot be exported.", problems=problems, next_step=llama.next_step
        )
    return tensors


def storage_type(tensor: Tensor, quant_type: QuantType) -> QuantType:
    """Keep vectors fp32, and rows that do not divide into blocks fp16, as llama.cpp's own converter does."""
    if len(tensor.shape) < 2:
        return QuantType.F32
    return quant_type if tensor.shape[-1] % gguf.GGML_QUANT_SIZES[quant_type][0] == 0 else QuantType.F16


@dataclass(frozen=True)
class ExportWriter:
    """Writes one GGUF file, block by block."""

    writer: gguf.GGUFWriter
    llama: Llama
    tensors: list[GgufTensor]
    reporter: Reporter

    def write_header(self, folder: Path, rows: int) -> None:
        """Write everything before the values: metadata, a vocabulary of `rows` tokens, every tensor's place."""
        sizes = {
            quant_type: sum(tensor.bytes for tensor in self.tensors if tensor.quant_type is quant_type)
            for quant_type in FILE_TYPES
        }
        self.llama.add_metadata(self.writer, FILE_TYPES[max(sizes, key=sizes.__getitem__)], folder.name)
        add_vocabulary(self.writer, folder, rows)
        factors = self.llama.frequency_factors()
        if factors is not None:
            self.writer.add_tensor_info(ROPE_FACTORS, factors.shape, factors.dtype, factors.nbytes)
        for tensor in self.tensors:
            shape, dtype = tensor.tensor.shape, np.dtype(np.float32)
            self.writer.add_tensor_info(tensor.name, shape, dtype, tensor.bytes, tensor.quant_type)
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_ti_data_to_file()

    def write_tensors(self) -> None:
        """Write every tensor, each at a multiple of the alignment, and make the file durable."""
        [file] = self.writer.fout or []
        progress = MergeProgress(self.reporter, sum(tensor.bytes for tensor in self.tensors), action="exported")
        factors = self.llama.frequency_factors()
        self._write_tensor(file, iter(() if factors is None else (factors,)), progress)
        for tensor in self.tensors:
            self._write_tensor(file, encode_blocks(tensor, self.llama), progress)
        file.flush()
        os.fsync(file.fileno())

    def _write_tensor(self, file: BinaryIO, values: Iterator[NDArray[Any]], progress: MergeProgress) -> None:
        """Write one tensor, block by block."""
        file.write(bytes(-file.tell() % self.writer.data_alignment))
        for block in values:
            block.tofile(file)
            progress.advance(block.nbytes)
        file.write(bytes(-file.tell() % self.writer.data_alignment))


def encode_blocks(tensor: GgufTensor, llama: Llama) -> Iterator[NDArray[Any]]:
    """Yield a tensor's values as GGUF stores them, some rows at a time; raises MergeFailed if they overflow fp16."""
    source, head_rows = tensor.tensor, llama.rows_per_head(tensor.tensor.name)
    with open_descriptor(tensor.path) as file:
        for rows in row_blocks(source, multiple=head_rows or 1):
            values = read_rows(file, source, rows).astype(np.float32)
            with np.errstate(over="ignore"):
                encoded = quants.quantize(interleave(values, head_rows) if head_rows else values, tensor.quant_type)
            if tensor.quant_type is QuantType.F16 and not all_finite(encoded, "F16"):
                raise MergeFailed(f"{source.name} has values that fp16 cannot hold.", next_step=llama.next_step)
            yield encoded


def interleave(values: Float32, head_rows: int) -> Float32:
    """Put rows of query and key in llama.cpp's order: it rotates neighbours, transformers the halves of a head."""
    halves = values.reshape(-1, 2, head_rows // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)
