"""Linux inside Windows: its version, its memory, its driver, and the project's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import GIB, GPU_USERS, CheckFinding, Subject, fail, ok, skipped, warn
from scriptorium.doctor.driver import nvidia_smi
from scriptorium.doctor.machine import MEMORY_FOR_8B, read_memory
from scriptorium.doctor.mounts import WINDOWS_FILESYSTEMS, find_mount

WSL_LIBRARY = "/usr/lib/wsl/lib/libcuda.so.1"
LINUX_LIBRARIES = ("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")
WSLCONFIG = """\
On Windows, in the file %UserProfile%\\.wslconfig (leave Windows 8 GB or more):
[wsl2]
memory=40GB
swap=16GB
Then in PowerShell, with everything in WSL closed: wsl --shutdown"""


def check_wsl(subject: Subject) -> Iterator[CheckFinding]:
    """Check everything that is particular to WSL."""
    if not subject.wsl:
        yield skipped("WSL", "this is not WSL")
        return
    release = (subject.probe.read("/proc/sys/kernel/osrelease") or "").strip()
    if "wsl2" not in release.lower() and not subject.probe.exists("/dev/dxg"):
        yield fail("WSL", f"{release}: this is WSL 1", "In PowerShell: wsl --set-version Ubuntu 2")
        return
    yield ok("WSL", release)
    yield check_memory(subject)
    if not subject.container:
        yield from check_driver_library(subject)
        yield check_project_folder(subject)
    if nvidia_smi(subject.probe) and subject.service in GPU_USERS:
        yield ok(
            "WSL GPU memory",
            "what does not fit moves into Windows' memory without an error, and training crawls: watch tokens/s",
        )


def check_memory(subject: Subject) -> CheckFinding:
    """Check the memory; WSL's default is half of the machine's."""
    figures = read_memory(subject.probe)
    total, swap = figures.get("MemTotal", 0), figures.get("SwapTotal", 0)
    observation = f"{total / GIB:.1f} GiB, swap {swap / GIB:.1f} GiB"
    if total < MEMORY_FOR_8B:
        return warn("WSL memory", f"{observation}; an 8B model needs 24 GiB or more", WSLCONFIG)
    return ok("WSL memory", observation)


def check_driver_library(subject: Subject) -> Iterator[CheckFinding]:
    """Check that CUDA uses Windows' driver, which a Linux driver inside WSL would hide."""
    inside = [path for path in LINUX_LIBRARIES if subject.probe.exists(path)]
    if inside:
        yield fail(
            "WSL driver",
            f"a Linux NVIDIA driver is installed inside WSL ({inside[0]}) and hides Windows' own",
            "sudo apt purge '^nvidia-driver-.*' '^libnvidia-.*' && sudo apt autoremove && sudo ldconfig\n"
            "The NVIDIA Container Toolkit goes with it; install it again afterwards.",
        )
    elif subject.probe.exists(WSL_LIBRARY):
        yield ok("WSL driver", f"{WSL_LIBRARY}, from Windows")
    else:
        yield skipped("WSL driver", "Windows passes no NVIDIA driver to WSL")


def check_project_folder(subject: Subject) -> CheckFinding:
    """Check that the project is not on a Windows drive, where builds are slow and file permissions get lost."""
    folder = Path(subject.probe.environ.get("PWD", "/"))
    mount = find_mount(subject.probe, folder)
    if mount and mount.kind in WINDOWS_FILESYSTEMS:
        fix = f"cp -r '{folder}' ~/ && cd ~/'{folder.name}'   # or clone it there"
        return warn("WSL project folder", f"{folder} is on a Windows drive ({mount.kind})", fix)
    return ok("WSL project folder", f"{folder} is on a Linux filesystem")
