import errno
from pathlib import Path

import pytest
from doctor_machine import MOUNTS, FakeProbe, container, run_check, subject
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.doctor.check import GB
from scriptorium.doctor.mounts import Mount, mount_of, parse_mounts
from scriptorium.doctor.probe import Probe, try_folder
from scriptorium.doctor.volume import check_volume

DATA = {"/srv/data/files/x": ""}


def mounted(kind: str, service: str = "") -> dict[str, str]:
    files = {**DATA, "/proc/self/mounts": f"{MOUNTS}disk /srv/data {kind} rw 0 0\n"}
    probe = container(service, files=files) if service else FakeProbe(files=files)
    return {
        name: str(finding.status)
        for name, finding in run_check(check_volume, subject(probe, service or "host")).items()
    }


def test_a_local_disk_with_room_is_well() -> None:
    findings = run_check(check_volume, subject(FakeProbe(files=DATA)))
    assert findings.pop("models folder").status == "skipped"
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert findings["data filesystem"].seen == "ext4 at /"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("ext4", "ok"), ("xfs", "ok"), ("btrfs", "ok"), ("9p", "warn"), ("drvfs", "warn"), ("nfs4", "warn"),
        ("cifs", "warn"), ("tmpfs", "warn"), ("fuse.grpcfuse", "warn"), ("fuseblk", "warn"), ("virtiofs", "warn"),
    ],
)  # fmt: skip
def test_filesystems(kind: str, status: str) -> None:
    assert mounted(kind)["data filesystem"] == status


def test_a_container_without_a_volume_fails() -> None:
    assert mounted("overlay", "trainer")["data folder"] == "fail"
    assert mounted("ext4", "trainer")["data folder"] == "ok"
    assert mounted("overlay")["data folder"] == "ok"  # a host may well be on one


def test_a_host_without_a_data_folder_gets_one_later_if_it_may() -> None:
    assert run_check(check_volume, subject(FakeProbe()))["data folder"].status == "ok"
    assert run_check(check_volume, subject(FakeProbe(read_only=True)))["data folder"].status == "fail"


def test_a_folder_of_somebody_else_fails_with_the_command() -> None:
    host = run_check(check_volume, subject(FakeProbe(files=DATA, read_only=True)))["data folder"]
    assert "sudo chown" in host.fix.replace("sudo mkdir -p '/srv/data' && ", "")
    inside = run_check(check_volume, subject(container("data", files=DATA, read_only=True), "data"))["data folder"]
    assert "chown -R 10001" in inside.fix


@pytest.mark.parametrize(("free", "status"), [(9, "fail"), (10, "warn"), (59, "warn"), (60, "ok")])
def test_free_space(free: int, status: str) -> None:
    assert run_check(check_volume, subject(FakeProbe(files=DATA, free=free * GB)))["disk space"].status == status


def test_a_filesystem_that_cannot_publish_fails() -> None:
    broken = FakeProbe(files=DATA, writes="hard links do not work: Operation not permitted")
    assert run_check(check_volume, subject(broken))["data writes"].status == "fail"


def test_models_are_listed(tmp_path: Path) -> None:
    (tmp_path / "models" / "small").mkdir(parents=True)
    (tmp_path / "models" / "small" / "config.json").write_text("{}")
    findings = run_check(check_volume, subject(Probe(), data_dir=tmp_path))
    assert findings["models folder"].seen.endswith("models: small")
    assert findings["data writes"].status == "ok"


def test_the_trial_is_done_for_real_and_leaves_nothing(tmp_path: Path) -> None:
    assert try_folder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("broken", "words"),
    [("os.link", "hard links"), ("os.fsync", "fsync"), ("os.mkdir", "written"), ("fcntl.flock", "locked")],
)
def test_the_trial_says_what_did_not_work(
    broken: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(broken, refuse)
    problem = try_folder(tmp_path)
    assert problem is not None
    assert words in problem
    assert "not permitted" in problem


def test_the_trial_notices_a_rename_that_takes_anothers_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rename", lambda self, _: self)
    assert try_folder(tmp_path) == "a folder can be renamed over one that is not empty"


def test_names_with_spaces_are_read() -> None:
    assert parse_mounts("C:\\134 /mnt/my\\040drive 9p rw,aname=drvfs 0 0\n") == [
        Mount("C:\\", "/mnt/my drive", "9p", "rw,aname=drvfs")
    ]


NAMES = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4)


@given(st.lists(NAMES, max_size=8), NAMES)
def test_the_mount_of_a_path_is_the_deepest_above_it(points: list[list[str]], path: list[str]) -> None:
    mounts = [Mount("d", "/" + "/".join(parts), "ext4", str(number)) for number, parts in enumerate(points)]
    mount = mount_of(Path("/", *path), mounts)
    above = [(number, parts) for number, parts in enumerate(points) if path[: len(parts)] == parts]
    expected = max(above, key=lambda entry: (len(entry[1]), entry[0]), default=None)
    assert (mount.options if mount else None) == (str(expected[0]) if expected else None)
