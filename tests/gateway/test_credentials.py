"""Secrets from systemd's credentials: which file of the configuration each one takes the place of."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError, load

CONFIG = """
[gateway]
organisation = "Example Bank"
country = "GB"
key_file = "/etc/simwire/credentials/key"
[[modem]]
port = "/dev/ttyUSB0"
pin_file = "/nowhere/nobody-may-read-this"
[[modem]]
name = "desk"
port = "/dev/ttyUSB1"
[[webhook]]
url = "https://hooks.example.com/simwire"
secret_file = "/nowhere/nor-this"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "simwire.toml").write_text(CONFIG, encoding="utf-8")
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_each_credential_takes_the_place_of_its_file(folder: Path) -> None:
    (folder / "simwire_key").write_text("00" * 32, encoding="ascii")
    (folder / "simwire_sim1.pin").write_text("1234\n", encoding="ascii")
    (folder / "simwire_desk.pin").write_text("567890\n", encoding="ascii")
    (folder / "simwire_hook1.secret").write_text("a secret of sufficient length\n", encoding="ascii")
    config = load(folder.parent / "simwire.toml")
    assert config.gateway.key_file == folder / "simwire_key"
    pins = [modem.read_pin() for modem in config.modem]
    assert [pin.reveal() for pin in pins if pin is not None] == ["1234", "567890"]
    assert config.webhook[0].secret_file == folder / "simwire_hook1.secret"


def test_without_a_credential_the_configuration_holds(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder.parent / "simwire.toml")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "modem[0].pin_file",
        "webhook[0].secret_file",
    ]
    (folder / "simwire_sim1.pin").write_text("1234\n", encoding="ascii")
    (folder / "simwire_hook1.secret").write_text("a secret of sufficient length\n", encoding="ascii")
    config = load(folder.parent / "simwire.toml")
    assert config.gateway.key_file == Path("/etc/simwire/credentials/key")
    assert config.modem[1].pin_file is None


@pytest.mark.parametrize("text", ["modem = 3\nwebhook = 'x'\ngateway = []", "modem = ['x', {name = 3}]\n[gateway]\n"])
def test_what_is_wrong_otherwise_is_told_as_ever(folder: Path, text: str) -> None:
    (folder.parent / "simwire.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(folder.parent / "simwire.toml")
