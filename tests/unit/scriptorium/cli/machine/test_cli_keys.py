"""`scriptorium keys` works on the data folder, shows a secret once, and never a hash."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scriptorium.access.key_store import KeyStore
from scriptorium.access.keys import KeyState, hash_secret
from scriptorium.cli import main
from scriptorium.cli.machine.keys import parse_duration
from scriptorium.cli.main import run


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    """Let the commands work on an empty data folder; return its keys."""
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path / "data"))
    return KeyStore(tmp_path / "data" / "keys")


def test_a_key_is_created_listed_and_revoked(store: KeyStore) -> None:
    created = CliRunner().invoke(main.app, ["keys", "create", "Ann's tablet", "--scope", "read", "--expires", "90d"])
    secret = created.stdout.strip()
    (key,) = store.newest()
    assert key.sha256 == hash_secret(secret)
    assert (key.name, key.scopes) == ("Ann's tablet", ("read",))
    assert key.expires_at
    assert key.expires_at - key.created_at in (90 * 86_400, 90 * 86_400 + 1)
    listed = CliRunner().invoke(main.app, ["keys", "list"]).stdout
    assert key.id in listed
    assert "active" in listed
    assert secret not in listed
    assert key.sha256 not in listed
    assert CliRunner().invoke(main.app, ["keys", "revoke", key.id]).stdout == f"{key.id} (Ann's tablet): revoked\n"
    assert store.newest()[0].state is KeyState.REVOKED
    assert "revoked" in CliRunner().invoke(main.app, ["keys", "list"]).stdout


def test_machines_read_json(store: KeyStore) -> None:
    created = json.loads(CliRunner().invoke(main.app, ["keys", "create", "ci", "--json"]).stdout)
    assert created["scopes"] == ["read", "submit", "chat"]
    assert created["expires_at"] is None
    (listed,) = json.loads(CliRunner().invoke(main.app, ["keys", "list", "--json"]).stdout)
    assert listed == {name: value for name, value in created.items() if name != "secret"}
    assert "sha256" not in created
    revoked = json.loads(CliRunner().invoke(main.app, ["keys", "revoke", created["id"], "--json"]).stdout)
    assert revoked["state"] == "revoked"


def test_no_keys_are_explained() -> None:
    assert "There are no keys" in CliRunner().invoke(main.app, ["keys", "list"]).stdout


def test_what_cannot_be_done_is_one_message(capfd: pytest.CaptureFixture[str], store: KeyStore) -> None:
    assert run(["keys", "revoke", "key_none"]) == 4
    assert "error (key_not_found)" in capfd.readouterr().err
    assert run(["keys", "create", "a\nb"]) == 5
    assert "place: NAME" in capfd.readouterr().err
    assert run(["keys", "create", "a", "--scope", "write"]) == 2
    usage = capfd.readouterr().err
    assert "'write' is not one of 'read', 'submit', 'chat', 'admin'" in usage
    assert "Value error" not in usage
    assert run(["keys", "create", "a", "--expires", "soon"]) == 2
    assert "12h, 90d or 4w" in capfd.readouterr().err
    assert store.newest() == []


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("90d", 2160), (" 4W ", 672)])
def test_a_duration_is_read(text: str, hours: int) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "90", "0d", "-1d", "1.5d", "90 days", "d", "9" * 9 + "d"])
def test_another_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)
