from doctor_machine import MEMINFO, MOUNTS, WSL_RELEASE, WSL_SMI, FakeProbe, container, run_check, subject

from scriptorium.doctor.machine import SHM, check_machine
from scriptorium.doctor.wsl import LINUX_LIBRARIES, WSL_LIBRARY, check_wsl

WSL = {"/proc/sys/kernel/osrelease": WSL_RELEASE}
MOUNTED = MOUNTS + "shm /dev/shm tmpfs rw 0 0\n"


def meminfo(gib: float, swap: float = 0) -> dict[str, str]:
    return {"/proc/meminfo": MEMINFO.format(int(gib * (1 << 20)), int(swap * (1 << 20)))}


def test_a_large_host_passes() -> None:
    findings = run_check(check_machine, subject(FakeProbe()))
    assert findings["memory"].seen == "64.0 GiB, 64.0 available"
    assert findings["processors"].seen == "16"
    assert findings[SHM].status == "skipped"  # a container has its own


def test_memory_is_measured_against_the_model() -> None:
    tight = FakeProbe(files=meminfo(15.6))
    assert run_check(check_machine, subject(tight))["memory"].status == "warn"
    assert run_check(check_machine, subject(tight, default_model="small"))["memory"].status == "ok"
    assert (
        run_check(check_machine, subject(FakeProbe(files=meminfo(3.8)), default_model="small"))["memory"].status
        == "warn"
    )
    assert run_check(check_machine, subject(tight, "api"))["memory"].status == "ok"  # it needs little
    assert run_check(check_machine, subject(FakeProbe(files=meminfo(23.4))))["memory"].status == "ok"  # sold as 24


def test_a_containers_limit_counts() -> None:
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limited = container("trainer", files={name: f"{16 << 30}\n", "/proc/self/mounts": MOUNTED})
        finding = run_check(check_machine, subject(limited, "trainer"))["memory"]
        assert (finding.status, "limited to 16.0" in finding.seen) == ("warn", True)
        assert finding.fix.startswith("echo TRAINER_MEMORY=")
        free = container("trainer", files={name: "9223372036854771712\n" if "limit" in name else "max\n"})
        assert run_check(check_machine, subject(free, "trainer"))["memory"].status == "ok"


def test_dockers_64_mb_of_shared_memory_are_too_little() -> None:
    small = container("server", files={"/proc/self/mounts": MOUNTED}, size=64 << 20)
    finding = run_check(check_machine, subject(small, "server"))[SHM]
    assert (finding.status, "shm_size" in finding.fix) == ("warn", True)
    roomy = container("server", files={"/proc/self/mounts": MOUNTED}, size=10 << 30)
    assert run_check(check_machine, subject(roomy, "server"))[SHM].status == "ok"
    assert run_check(check_machine, subject(container("server"), "server"))[SHM].seen == "is not mounted"


def test_pinned_memory_matters_with_a_gpu() -> None:
    with_gpu = container("trainer", programs=["nvidia-smi"], memlock=8 << 20)
    finding = run_check(check_machine, subject(with_gpu, "trainer"))["pinned memory"]
    assert (finding.status, finding.seen) == ("warn", "limited to 8192 KiB (ulimit -l)")
    free = container("trainer", programs=["nvidia-smi"])
    assert run_check(check_machine, subject(free, "trainer"))["pinned memory"].status == "ok"
    without = container("trainer", memlock=8 << 20)
    assert run_check(check_machine, subject(without, "trainer"))["pinned memory"].status == "skipped"


def test_a_machine_that_is_not_wsl_is_skipped() -> None:
    findings = run_check(check_wsl, subject(FakeProbe(files={"/proc/sys/kernel/osrelease": "6.8.0-87-generic\n"})))
    assert [finding.status for finding in findings.values()] == ["skipped"]


def test_wsl_with_everything_right() -> None:
    probe = FakeProbe(files={**WSL, **meminfo(40, 16), WSL_LIBRARY: "", WSL_SMI: ""}, environ={"PWD": "/home/me/s"})
    findings = run_check(check_wsl, subject(probe))
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert findings["WSL memory"].seen == "40.0 GiB, swap 16.0 GiB"
    assert "without an error" in findings["WSL GPU memory"].seen


def test_wsl_with_the_default_half_of_a_32_gb_machine() -> None:
    finding = run_check(check_wsl, subject(FakeProbe(files={**WSL, **meminfo(15.5, 4)})))["WSL memory"]
    assert finding.status == "warn"
    assert "[wsl2]\nmemory=" in finding.fix
    assert "wsl --shutdown" in finding.fix


def test_a_linux_driver_inside_wsl_fails() -> None:
    probe = FakeProbe(files={**WSL, WSL_LIBRARY: "", LINUX_LIBRARIES[0]: ""})
    finding = run_check(check_wsl, subject(probe))["WSL driver"]
    assert (finding.status, "apt purge" in finding.fix) == ("fail", True)
    inside = container("trainer", files=dict(probe.files))  # there the toolkit puts it where Linux has it
    assert "WSL driver" not in run_check(check_wsl, subject(inside, "trainer"))


def test_a_project_on_a_windows_drive_is_a_warning() -> None:
    probe = FakeProbe(files=WSL, environ={"PWD": "/mnt/c/Users/me/scriptorium"})
    finding = run_check(check_wsl, subject(probe))["WSL project folder"]
    assert (finding.status, finding.fix.split("   ")[0]) == (
        "warn",
        "cp -r '/mnt/c/Users/me/scriptorium' ~/ && cd ~/'scriptorium'",
    )


def test_wsl_1_fails() -> None:
    findings = run_check(check_wsl, subject(FakeProbe(files={"/proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"})))
    assert findings["WSL"].fix.endswith("wsl --set-version Ubuntu 2")
