"""Layouts, blocks and rounding."""

import itertools
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from scriptorium.models.tensor_files import BrokenTensorFile, Tensor, read_layout
from services.merger.inputs.safetensors_file import (
    all_finite,
    make_header,
    open_descriptor,
    read_columns,
    read_into,
    read_rows,
    read_tensor,
    round_to,
    row_blocks,
)

ANY_BITS = st.integers(min_value=0, max_value=2**32 - 1)


def bf16_of(bits: int) -> int:
    """Return the bits of the bf16 next to a finite fp32, ties to the even one, by integer arithmetic alone."""
    half, rest = divmod(bits, 1 << 16)
    return half + (rest > 0x8000 or (rest == 0x8000 and half % 2 == 1))


def as_float(bits: int) -> np.ndarray:
    return np.array([bits], dtype=np.uint32).view(np.float32)


@given(ANY_BITS)
def test_bf16_rounds_to_nearest_even(bits: int) -> None:
    value = as_float(bits)
    rounded = round_to(value, "BF16")
    if np.isnan(value[0]):
        assert np.isnan(rounded[0])
    else:
        assert int(rounded.view(np.uint16)[0]) == bf16_of(bits)


@given(st.integers(min_value=0, max_value=2**16 - 1))
def test_what_is_bf16_already_keeps_its_bits(half: int) -> None:
    value = as_float(half << 16)
    if not np.isnan(value[0]):
        assert int(round_to(value, "BF16").view(np.uint16)[0]) == half


@pytest.mark.parametrize(
    ("bits", "expected"),
    [(0x3F808000, 0x3F80), (0x3F818000, 0x3F82), (0x3F808001, 0x3F81), (0x7F7FFFFF, 0x7F80), (0x80000000, 0x8000)],
)
def test_bf16_ties_overflow_and_negative_zero(bits: int, expected: int) -> None:
    assert int(round_to(as_float(bits), "BF16").view(np.uint16)[0]) == expected


def test_fp16_overflows_without_a_warning_and_fp32_keeps_its_bits() -> None:
    assert np.isinf(round_to(np.array([1e6], np.float32), "F16")[0])
    value = as_float(0x3F808001)
    assert round_to(value, "F32").view(np.uint32)[0] == 0x3F808001


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 400))
def test_blocks_cover_every_row_once(rows: int, columns: int, values: int) -> None:
    blocks = list(row_blocks(Tensor("w", "F32", (rows, columns), 0, 4 * rows * columns), values))
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(rows))
    assert all((block.stop - block.start) * columns <= max(values, columns) for block in blocks)


def test_the_layout_is_in_the_order_of_the_bytes(tmp_path: Path) -> None:
    arrays = {
        "a.vector": np.arange(3, dtype=np.float32),
        "z.matrix": np.arange(6, dtype=np.float32).reshape(2, 3).astype(ml_dtypes.bfloat16),
        "b.bytes": np.zeros(5, np.uint8),
    }
    save_file(arrays, tmp_path / "x.safetensors", metadata={"format": "pt"})
    layout = read_layout(tmp_path / "x.safetensors")
    assert layout.bytes == (tmp_path / "x.safetensors").stat().st_size
    tensors = list(layout.tensors.values())
    assert tensors[0].start == len(layout.header)
    assert all(first.stop == second.start for first, second in itertools.pairwise(tensors))
    assert str(layout.tensors["z.matrix"]) == "BF16 [2, 3]"
    matrix = layout.tensors["z.matrix"]
    with open_descriptor(layout.path) as file:
        np.testing.assert_array_equal(read_tensor(file, matrix), [[0, 1, 2], [3, 4, 5]])
        np.testing.assert_array_equal(read_rows(file, matrix, slice(1, 2)).astype(np.float32), [[3, 4, 5]])
        np.testing.assert_array_equal(read_columns(file, matrix, slice(1, 3)), [[1, 2], [4, 5]])


def test_a_header_of_our_own_is_read_like_any_other(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(5, np.uint8)}
    save_file(arrays, tmp_path / "x.safetensors", metadata={"format": "pt"})
    layout = read_layout(tmp_path / "x.safetensors")
    again = make_header(layout.header, list(layout.tensors.values()))
    assert len(again) % 8 == 0
    (tmp_path / "y.safetensors").write_bytes(again + (tmp_path / "x.safetensors").read_bytes()[len(layout.header) :])
    tensors = read_layout(tmp_path / "y.safetensors").tensors
    assert {name: (t.dtype, t.shape) for name, t in tensors.items()} == {"a": ("F32", (2, 3)), "b": ("U8", (5,))}


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_detected_by_their_bits(dtype: str, value: float) -> None:
    values = round_to(np.array([0.0, -1.0, 60000.0], np.float32), dtype)
    assert all_finite(values, dtype)
    values[1] = value
    assert not all_finite(values, dtype)


def broken_files() -> dict[str, bytes]:
    return {"empty": b"", "short": b"\x01\x00", "text": b"hello world, this is no tensor file", "long": b"\xff" * 64}


@pytest.mark.parametrize("body", broken_files().values(), ids=broken_files().keys())
def test_files_that_are_not_safetensors(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(body)
    with pytest.raises(BrokenTensorFile, match=r"x\.safetensors"):
        read_layout(path)


@pytest.mark.parametrize("cut", [1, 100, 390])
def test_truncated_and_lengthened_files(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"w": np.zeros(100, np.float32)}, path)
    body = path.read_bytes()
    for changed in (body[:-cut], body + b"\x00" * cut):
        path.write_bytes(changed)
        with pytest.raises(BrokenTensorFile):
            read_layout(path)


def test_an_early_end_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    with open_descriptor(path) as file:
        buffer = bytearray(4)
        read_into(file, memoryview(buffer), 2)
        assert buffer == b"cdef"
        with pytest.raises(BrokenTensorFile, match="ended early"):
            read_into(file, memoryview(buffer), 3)
