"""Ranges are copied by the kernel, or through memory if it refuses, and a source that ends early is noticed."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from scriptorium.models.tensor_files import BrokenTensorFile
from services.merger.inputs.safetensors_file import PIECE_BYTES
from services.merger.writing.copy_range import copy_range


def refuse(*arguments: Any) -> int:
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def copy_little(source: int, sink: int, count: int, start: int, position: int) -> int:
    return os.pwrite(sink, os.pread(source, min(count, 1000), start), position)


@pytest.mark.parametrize("kernel", [None, refuse, copy_little, lambda *_: 0])
def test_a_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Any) -> None:
    if kernel:
        monkeypatch.setattr(os, "copy_file_range", kernel)
    body = os.urandom(PIECE_BYTES + 5000)
    (tmp_path / "source").write_bytes(body)
    (tmp_path / "sink").write_bytes(b"." * (PIECE_BYTES + 100))
    with (tmp_path / "source").open("rb") as source, (tmp_path / "sink").open("r+b") as sink:
        copy_range(source.fileno(), 7, sink.fileno(), 3, PIECE_BYTES + 50)
        with pytest.raises(BrokenTensorFile, match="ended early"):
            copy_range(source.fileno(), len(body) - 10, sink.fileno(), 0, 11)
    copy = (tmp_path / "sink").read_bytes()
    assert copy[10:] == body[14 : 7 + PIECE_BYTES + 50] + b"." * 47


def test_other_errors_are_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(OSError, match="No space"):
        copy_range(0, 0, 0, 0, 1)
