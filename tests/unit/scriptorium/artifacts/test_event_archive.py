"""The archive of a job's events: any place is found, a torn line is no event, nothing is written twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptorium.artifacts.event_archive import EventArchive
from scriptorium.contracts import Event


def make_events(*orders: tuple[int, int]) -> list[Event]:
    """Events with long and short lines, so that blocks end anywhere."""
    return [
        Event(id=f"ftevent-{time}-{number}", created_at=time, message="zwölf " * (time % 97)) for time, number in orders
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1_000])
def test_any_place_is_found_from_both_sides(tmp_path: Path, count: int) -> None:
    archive = EventArchive(tmp_path / "run" / "events.jsonl")
    events = make_events(*((1 + time // 2 * 3, time % 2) for time in range(count)))
    archive.append(events)
    assert archive.before(None, count + 1) == events[::-1]
    for place in range(0, count, max(1, count // 50)):
        assert archive.before(events[place].id, 5) == events[max(0, place - 5) : place][::-1]
        assert archive.after(events[place].id, 5) == events[place + 1 : place + 6]
    assert archive.after("ftevent-0-0", count) == events
    assert archive.before("ftevent-1-7", 10) == events[:2][::-1]  # no event has this id
    assert archive.after("ftevent-1-7", 10) == events[2:12]
    assert archive.before("ftevent-9999999999999999999-0", 1) == events[-1:]


def test_without_an_archive_there_are_no_events(tmp_path: Path) -> None:
    archive = EventArchive(tmp_path / "events.jsonl")
    assert archive.before(None, 5) == archive.before("ftevent-1-0", 5) == archive.after("ftevent-0-0", 5) == []


def test_what_is_archived_twice_is_there_once_and_a_torn_line_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    archive, events = EventArchive(path), make_events((1, 0), (2, 0), (2, 1), (3, 0))
    archive.append(events[:3])
    with path.open("ab") as file:
        file.write(events[3].model_dump_json().encode()[:20])  # the machine went down
    assert archive.before(None, 9) == events[:3][::-1]
    assert archive.after("ftevent-1-0", 9) == events[1:3]
    archive.append(events[1:])
    assert archive.before(None, 9) == events[::-1]
    assert len(path.read_bytes().splitlines()) == 4
