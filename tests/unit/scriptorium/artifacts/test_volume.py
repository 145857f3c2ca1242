import errno
from pathlib import Path

import pytest

from scriptorium.artifacts.volume import Volume, disk_errors
from scriptorium.contracts import Phase
from scriptorium.errors import DiskFull, LeaseLost

JOB = "ftjob-1"


def test_a_phase_appears_whole_with_its_manifest(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    folder = volume.attempt(JOB, Phase.MERGE, 1)
    (folder / "model").write_text("weights")
    assert volume.published(JOB, Phase.MERGE) is None
    target = volume.publish(JOB, Phase.MERGE, folder, {"attempt": 1})
    body = volume.published(JOB, Phase.MERGE)
    assert target == volume.folder(JOB, Phase.MERGE)
    assert body is not None
    assert (body["attempt"], list(body["files"])) == (1, ["model"])
    assert not folder.exists()


def test_the_second_of_two_attempts_cannot_publish_over_the_first(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    first, second = (volume.attempt(JOB, Phase.MERGE, number) for number in (1, 2))
    (first / "model").write_text("first")
    (second / "model").write_text("second")
    volume.publish(JOB, Phase.MERGE, second, {"attempt": 2})
    with pytest.raises(LeaseLost):
        volume.publish(JOB, Phase.MERGE, first, {"attempt": 1})
    assert (volume.folder(JOB, Phase.MERGE) / "model").read_text() == "second"


def test_earlier_attempts_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    made = [volume.attempt(JOB, Phase.TRAIN, number) for number in (1, 2, 10, 11)]
    assert volume.earlier_attempts(JOB, Phase.TRAIN, 11) == made[:3]


def test_no_space_left_is_an_error_of_ours() -> None:
    with pytest.raises(DiskFull), disk_errors():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), disk_errors():
        raise PermissionError(errno.EACCES, "no")


def publish_round(volume: Volume, number: int) -> None:
    folder = volume.attempt(JOB, Phase.MERGE, number)
    (folder / "model").write_text(f"round {number}")
    volume.publish(JOB, Phase.MERGE, folder, {"round": number})


def test_a_later_round_sets_the_earlier_aside_and_either_can_be_taken_back(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    publish_round(volume, 1)
    assert volume.take_round(JOB, Phase.MERGE, 2) is None
    assert (volume.folder(JOB, Phase.MERGE) / "model").read_text() == "round 1"  # readable until the next is whole
    publish_round(volume, 2)
    assert volume.rounds(JOB, Phase.MERGE) == {1: volume.round_folder(JOB, Phase.MERGE, 1)}
    for number in (1, 1, 2):
        assert volume.published_in(JOB, Phase.MERGE, number) is not None
        body = volume.take_round(JOB, Phase.MERGE, number)
        assert body is not None
        assert body["round"] == number
        assert (volume.folder(JOB, Phase.MERGE) / "model").read_text() == f"round {number}"
    volume.discard_rounds(JOB, Phase.MERGE)
    assert volume.published_in(JOB, Phase.MERGE, 1) is None


def test_a_manifest_from_before_there_were_rounds_is_of_the_first(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    volume.publish(JOB, Phase.MERGE, volume.attempt(JOB, Phase.MERGE, 1), {"attempt": 1})
    assert volume.published_in(JOB, Phase.MERGE, 1) == volume.folder(JOB, Phase.MERGE)
