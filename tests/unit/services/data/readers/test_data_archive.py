"""The limits of an archive hold before zipfile has made an object of each entry."""

import io
import struct
import tracemalloc
import zipfile
from zipfile import ZIP_STORED, ZipFile

import pytest

from scriptorium.archives import MAX_ENTRIES, MIB
from scriptorium.errors import FileTooLarge
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.limits import Budget

HEADER = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0)


def directory(entries: int) -> bytes:
    return b"".join(HEADER + f"{number:08x}".encode() for number in range(entries))


def repeat_entry(entries: int) -> bytes:
    return (HEADER + b"00000000") * entries


def end_record(count: int, size: int, *, comment: bytes = b"") -> bytes:
    fields = (0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(size, 0xFFFFFFFF), 0, len(comment))
    return struct.pack("<4s4H2LH", b"PK\x05\x06", *fields) + comment


def end_record_64(count: int, size: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, size, 1)
    return record + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


def open_archive(raw: bytes) -> Archive:
    return Archive(io.BytesIO(raw), ".zip", Budget("book.zip"))


MANY = 25 * MIB // len(HEADER + b"00000000")
TINY = 7 * MIB // len(HEADER + b"00000000")  # more entries than allowed, in a directory of an allowed size


@pytest.mark.parametrize("kind", ["honest", "lying", "zip64", "lying zip64", "comment", "small but many"])
def test_too_many_entries_are_refused_before_they_are_parsed(kind: str) -> None:
    raw = repeat_entry(TINY if kind == "small but many" else MANY)
    end = {
        "honest": lambda: end_record(MANY, len(raw)),
        "lying": lambda: end_record(1, len(raw)),
        "zip64": lambda: end_record_64(MANY, len(raw)),
        "lying zip64": lambda: end_record_64(1, len(raw)),
        "comment": lambda: end_record(1, len(raw), comment=b"a book"),
        "small but many": lambda: end_record(1, len(raw)),
    }[kind]()
    file = io.BytesIO(raw + end)
    tracemalloc.start()
    try:
        with pytest.raises(FileTooLarge) as caught:
            Archive(file, ".zip", Budget("book.zip"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    reason = f"more than {MAX_ENTRIES:,} files" if kind == "small but many" else "table of contents of 25 MiB"
    assert reason in caught.value.message
    assert peak < 10 * MIB


def test_as_many_entries_as_allowed_are_read() -> None:
    raw = directory(MAX_ENTRIES)
    with open_archive(raw + end_record(MAX_ENTRIES, len(raw))) as archive:
        assert len(archive.names) == MAX_ENTRIES
    raw = directory(MAX_ENTRIES + 1)
    with pytest.raises(FileTooLarge):
        open_archive(raw + end_record(1, len(raw)))


def test_a_directory_that_is_not_there_is_damage() -> None:
    with pytest.raises(Unreadable):
        open_archive(directory(3) + end_record(3, 1 << 31))
    with pytest.raises(Unreadable):
        open_archive(bytes(MAX_ENTRIES * 60) + end_record(3, MAX_ENTRIES * 60))


def test_a_large_entry_is_not_taken_for_a_directory() -> None:
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_STORED) as archive:
        archive.writestr("a.txt", b"x" * 20 * MIB)
    with open_archive(target.getvalue()) as opened:
        opened.charge("a.txt")
        with opened.open("a.txt") as file:
            assert len(file.read()) == 20 * MIB


def test_the_headers_of_these_tests_are_headers() -> None:
    raw = directory(2)
    assert ZipFile(io.BytesIO(raw + end_record(2, len(raw)))).namelist() == ["00000000", "00000001"]
    assert len(HEADER) == zipfile.sizeCentralDir
