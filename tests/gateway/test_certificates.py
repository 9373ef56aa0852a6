"""The server's certificate: what is refused, what is warned about, and taking a renewed one."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.certificates import Certificate, load, own_certificate
from gateway.config import ConfigError
from gateway.config import load as load_config
from hardware.clock import FakeClock
from tests.gateway import pems

LEAST = '[gateway]\norganisation = "Example Bank"\ncountry = "GB"\n[[modem]]\nport = "simulator"\n'
TLS = 'tls_cert = "cert.pem"\ntls_key = "key.pem"\n'
NOW = FakeClock().now().wall
CA = pems.make("authority")
SERVER = pems.make("gateway", CA)


def problem(folder: Path, settings: str) -> str:
    path = folder / "simwire.toml"
    path.write_text(f"{LEAST}[api]\n{settings}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (found,) = caught.value.problems
    return found


def after(**days: float) -> datetime:
    return datetime.fromtimestamp(NOW, UTC) + timedelta(**days)


def test_paths_are_relative_to_the_file_and_another_host_may_be_listened_on(tmp_path: Path) -> None:
    cert, key = SERVER.write(tmp_path)
    path = tmp_path / "simwire.toml"
    path.write_text(f'{LEAST}[api]\nhost = "0.0.0.0"\n{TLS}', encoding="utf-8")
    api = load_config(path).api
    assert (api.tls_cert, api.tls_key, api.scheme) == (cert, key, "https")


@pytest.mark.parametrize(("given", "lacking"), [(TLS.splitlines()[0], "tls_key"), (TLS.splitlines()[1], "tls_cert")])
def test_one_without_the_other(tmp_path: Path, given: str, lacking: str) -> None:
    SERVER.write(tmp_path)
    assert f"{lacking} is missing" in problem(tmp_path, given)


@pytest.mark.parametrize("lost", ["cert.pem", "key.pem"])
def test_files_that_are_not_there(tmp_path: Path, lost: str) -> None:
    SERVER.write(tmp_path)
    (tmp_path / lost).unlink()
    found = problem(tmp_path, TLS)
    assert str(tmp_path / lost) in found
    assert "cannot be read: No such file" in found


@pytest.mark.parametrize(("spoilt", "word"), [("cert.pem", "certificate"), ("key.pem", "private key")])
@pytest.mark.parametrize(
    "octets", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_files_that_are_no_pem(tmp_path: Path, spoilt: str, word: str, octets: bytes) -> None:
    SERVER.write(tmp_path)
    (tmp_path / spoilt).write_bytes(octets)
    assert f"{tmp_path / spoilt} holds no {word} in PEM form" in problem(tmp_path, TLS)


def test_a_broken_key(tmp_path: Path) -> None:
    SERVER.write(tmp_path)
    (tmp_path / "key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "cannot be used" in problem(tmp_path, TLS)


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    SERVER.write(tmp_path)
    (tmp_path / "key.pem").write_bytes(pems.make("other").key_pem())
    assert f"key.pem is not the key of the certificate in {tmp_path}" in problem(tmp_path, TLS)


def test_a_key_with_a_passphrase_asks_nobody(tmp_path: Path) -> None:
    SERVER.write(tmp_path)
    (tmp_path / "key.pem").write_bytes(SERVER.key_pem(b"open sesame"))
    assert "has a passphrase" in problem(tmp_path, TLS)


def test_a_certificate_that_has_ended(tmp_path: Path) -> None:
    pems.make("old", CA, until=datetime(2021, 2, 3, tzinfo=UTC)).write(tmp_path)
    assert "ended on 2021-02-03" in problem(tmp_path, TLS)


def test_the_end_is_the_second_that_the_certificate_says(tmp_path: Path) -> None:
    cert, key = pems.make("short", CA, until=after(seconds=1)).write(tmp_path)
    assert load(cert, key, NOW).expires == NOW + 1
    with pytest.raises(ValueError, match="ended on"):
        load(cert, key, NOW + 1)


def test_a_chain_behind_the_certificate_is_not_the_certificate(tmp_path: Path) -> None:
    cert, _ = SERVER.write(tmp_path, chain=CA.pem)
    assert own_certificate(cert) == SERVER.der


@pytest.mark.parametrize(("days", "warnings"), [(31, 0), (29, 1)])
def test_an_end_that_is_near_is_told_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, warnings: int
) -> None:
    clock = FakeClock()
    certificate = Certificate(*pems.make("gateway", CA, until=after(days=days)).write(tmp_path), clock)
    for _ in range(10):
        clock.advance(60)
        certificate.context()
    assert len(caplog.records) == warnings
    assert caplog.text.count("renew it") == warnings
    clock.advance(2 * 86_400)
    certificate.context()
    assert caplog.text.count("renew it") == warnings + 1


def test_files_are_looked_at_once_a_minute(tmp_path: Path) -> None:
    clock = FakeClock()
    certificate = Certificate(*SERVER.write(tmp_path), clock)
    first = certificate.context()
    clock.advance(60)
    assert certificate.context() is first
    pems.make("renewed", CA).write(tmp_path)
    clock.advance(59)
    assert certificate.context() is first
    clock.advance(1)
    assert certificate.context() is not first


def test_broken_new_files_leave_the_old_in_force_and_are_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    certificate = Certificate(*SERVER.write(tmp_path), clock)
    first = certificate.context()
    renewed = pems.make("renewed", CA)
    (tmp_path / "cert.pem").write_bytes(renewed.pem)  # and the key is still the old one
    for _ in range(3):
        clock.advance(60)
        assert certificate.context() is first
    assert caplog.text.count("stays in force") == 1
    (tmp_path / "key.pem").unlink()
    for _ in range(3):
        clock.advance(60)
        assert certificate.context() is first
    assert caplog.text.count("stays in force") == 2
    renewed.write(tmp_path)
    clock.advance(60)
    assert certificate.context() is not first
    assert caplog.text.count("new TLS certificate") == 1


def test_a_file_that_is_broken_as_nobody_foresaw_leaves_the_old_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    certificate = Certificate(*SERVER.write(tmp_path), clock)
    first = certificate.context()

    def broken(*_: object) -> None:
        raise RuntimeError("an X.509 version of the future")

    monkeypatch.setattr("gateway.certificates.load", broken)
    (tmp_path / "cert.pem").write_bytes(pems.make("renewed", CA).pem)
    clock.advance(60)
    assert certificate.context() is first
