"""What we depend on: every file by its hash, no forbidden licence, and an audit that says if it audited nothing."""

from __future__ import annotations

import re
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from deploy.supply.audit import count
from deploy.supply.licences import find_forbidden, normalise, read_environment
from scriptorium.local.environments import Environment, build, environments

HASHED_LISTS = (
    "requirements.txt",
    "requirements-dev.txt",
    "services/evaluator/requirements.txt",
    "deploy/celery-exporter/requirements.txt",
    "deploy/supply/requirements.txt",
)
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(.*?)(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", HASHED_LISTS)
def test_every_package_of_the_light_environment_has_its_hashes(name: str, project: Path) -> None:
    text = (project / name).read_text()
    entries = ENTRY.findall(text)
    assert len(entries) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))
    assert [package for package, _, rest in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", rest)] == []


def test_make_lock_writes_the_hashes(project: Path) -> None:
    makefile = (project / "Makefile").read_text()
    for name in HASHED_LISTS:
        (line,) = re.findall(rf"^\t@\$\(COMPILE\).* -o {re.escape(name)}$", makefile, re.MULTILINE)
        assert "--generate-hashes" in line, name
    assert environments(gpu=False)["light"].hashed


@pytest.mark.parametrize("intact", [True, False])
def test_a_package_with_another_hash_is_not_installed(
    intact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = tmp_path / "links" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\n")
    digest = sha256(wheel.read_bytes() if intact else b"what was locked").hexdigest()
    (tmp_path / "list.txt").write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    environment = Environment("tiny", tmp_path / "env", (tmp_path / "list.txt",), gib=0.001, hashed=True)
    if intact:
        build(environment, gpu=False)
    else:
        with pytest.raises(SystemExit):
            build(environment, gpu=False)
        assert "hash" in capsys.readouterr().err.lower()
    assert bool(list(environment.folder.rglob("tiny.py"))) == intact


def test_no_licence_that_is_installed_is_forbidden_and_all_are_listed(project: Path) -> None:
    licences = read_environment(project / ".venv")
    assert len(licences) > 100
    assert find_forbidden(licences) == {}
    page = (project / "docs" / "licences.md").read_text()
    listed = set(re.findall(r"[a-z0-9-]+", ", ".join(re.findall(r"^\| [^|]+ \| (.+) \|$", page, re.MULTILINE))))
    needed = {
        normalise(name) for path in HASHED_LISTS[:3] for name, _, _ in ENTRY.findall((project / path).read_text())
    }
    assert needed - listed == set(), "run `make licences`"


@pytest.mark.parametrize(
    ("licence", "forbidden"),
    [
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0-only", True),
        ("GNU Affero General Public License v3", True),
        ("SSPL-1.0", True),
        ("Business Source License 1.1", True),
        ("CC-BY-NC-4.0", True),
        ("Other/Proprietary License", True),
        ("LGPL-2.1-only", False),
        ("GNU Lesser General Public License v2 or later (LGPLv2+)", False),
        ("MPL-2.0 AND MIT", False),
        ("GPL-2.0-only OR MIT", False),
        ("MIT License", False),
    ],
)
def test_which_licences_are_forbidden(licence: str, forbidden: bool) -> None:
    assert bool(find_forbidden({"package": licence})) == forbidden
    assert not find_forbidden({"intel-openmp": licence}), "a maker's own run-time library"


def test_an_audit_of_nothing_says_so_and_a_hole_is_counted() -> None:
    unknown = {"name": "a", "version": "1", "skip_reason": "not found"}
    hole = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    assert "NOTHING WAS AUDITED" in str(count({"dependencies": [unknown]}))
    outcome = count({"dependencies": [unknown, hole, {"name": "c", "version": "1", "vulns": []}]})
    assert str(outcome) == "audit: packages=3 audited=2 holes=1"
    assert outcome.holes == ("b 2: CVE-1, mended in 3",)
