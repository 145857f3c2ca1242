"""The data folder: whether it exists, is durable and large enough, and supports what publishing needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import GB, CheckFinding, Subject, fail, ok, skipped, warn
from scriptorium.doctor.mounts import MEMORY_FILESYSTEMS, NETWORK_FILESYSTEMS, WINDOWS_FILESYSTEMS, Mount, find_mount
from scriptorium.models.base_models import local_models

FOLDER, KIND, SPACE, WRITES, MODELS = "data folder", "data filesystem", "disk space", "data writes", "models folder"
USE_LINUX_DISK = "Use a named volume of Docker, or a folder on a Linux disk: SCRIPTORIUM_DATA_DIR=$HOME/scriptorium"
DOUBTFUL_FILESYSTEMS = (
    (WINDOWS_FILESYSTEMS, "a Windows drive or a shared folder: slow, and its renames are not Linux's", USE_LINUX_DISK),
    (MEMORY_FILESYSTEMS, "in memory: everything is lost at the next restart", USE_LINUX_DISK),
    (NETWORK_FILESYSTEMS, "a network filesystem", "See docs/operations.md, A second machine. NFS: vers=4.2,hard"),
    ({"fuse", "fuseblk", "virtiofs"}, "through another program: slow for large models", USE_LINUX_DISK),
)
SPACE_FOR_8B, MIN_SPACE = 60 * GB, 10 * GB  # an 8B job: base 16 GB, merged 16 GB, checkpoints, and the next one


def check_volume(subject: Subject) -> Iterator[CheckFinding]:
    """Check the data folder, or the place where it will be."""
    folder = subject.settings.data_dir
    mount = find_mount(subject.probe, nearest_existing(subject, folder))
    if subject.container and (mount is None or mount.kind == "overlay"):
        fix = f"In the compose file, at {subject.compose_name}: volumes: ['data:{folder}']"
        yield fail(FOLDER, f"no volume is mounted at {folder}; everything would be lost with the container", fix)
    elif not subject.probe.exists(folder):
        yield report_missing(subject, folder)
    elif not subject.probe.writable(folder):
        yield fail(FOLDER, f"{folder} is not writable by user {subject.probe.user()}", ownership_fix(subject, folder))
    else:
        yield ok(FOLDER, str(folder))
        yield check_writes(subject, folder)
    yield check_kind(mount)
    yield check_space(subject, nearest_existing(subject, folder))
    yield check_models(subject)


def report_missing(subject: Subject, folder: Path) -> CheckFinding:
    """Report a data folder that does not exist; the stack creates it if it may."""
    above = nearest_existing(subject, folder)
    if not subject.probe.writable(above):
        return fail(FOLDER, f"{folder} does not exist, and {above} is not writable", ownership_fix(subject, folder))
    return ok(FOLDER, f"{folder} does not exist yet; `scriptorium up` creates it")


def nearest_existing(subject: Subject, folder: Path) -> Path:
    """Return the folder, or the closest one above it that exists."""
    return next((path for path in (folder, *folder.parents) if subject.probe.exists(path)), Path("/"))


def ownership_fix(subject: Subject, folder: Path) -> str:
    """Return the command that makes this user the folder's owner."""
    if subject.container:
        user = subject.probe.user()
        chown = (
            f"docker run --rm --user 0 -v scriptorium_data:{folder} scriptorium/data chown -R {user}:{user} {folder}"
        )
        return f"On the host: {chown}\n(`docker volume ls` shows the volume's name)"
    return f"sudo mkdir -p '{folder}' && sudo chown -R \"$USER\" '{folder}'"


def check_writes(subject: Subject, folder: Path) -> CheckFinding:
    """Check fsync, rename, locks and links, by which every phase publishes and a record is written."""
    problem = subject.probe.try_folder(folder)
    if problem:
        return fail(WRITES, problem, "Use a local Linux filesystem (ext4, xfs, btrfs) or a named volume of Docker.")
    return ok(WRITES, "fsync, rename, locks and links work")


def check_kind(mount: Mount | None) -> CheckFinding:
    """Check the filesystem: local Linux ones are fine; others are slow, or lose locks or data."""
    if mount is None:
        return skipped(KIND, "the kernel's list of mounts cannot be read")
    observation = f"{mount.kind} at {mount.point}"
    for kinds, description, fix in DOUBTFUL_FILESYSTEMS:
        if mount.kind.partition(".")[0] in kinds:
            return warn(KIND, f"{observation}: {description}", fix)
    return ok(KIND, observation)


def check_space(subject: Subject, folder: Path) -> CheckFinding:
    """Check the free space against the needs of an 8B model in bf16."""
    free = subject.probe.disk(folder).free
    observation = f"{free / GB:.0f} GB free"
    fix = f"Remove old runs in {subject.settings.data_dir / 'runs'} (see docs/operations.md), or use a larger disk."
    if free < MIN_SPACE:
        return fail(SPACE, f"{observation}; at least {MIN_SPACE / GB:.0f} GB is needed", fix)
    if free < SPACE_FOR_8B:
        return warn(SPACE, f"{observation}: enough for small models; an 8B model needs {SPACE_FOR_8B / GB:.0f} GB", fix)
    return ok(SPACE, observation)


def check_models(subject: Subject) -> CheckFinding:
    """List the base models that were put there by hand; others come from the Hugging Face hub."""
    folder = subject.settings.models
    if not subject.probe.exists(folder):
        return skipped(MODELS, f"{folder} does not exist; only models of your own need it")
    models = local_models(folder)
    return ok(MODELS, f"{folder}: {', '.join(models)}" if models else f"{folder} is empty")
