"""The command line and a gateway with TLS: whom it trusts, and a served process from end to end."""

from __future__ import annotations

import json
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from gateway.cli.options import url_of
from gateway.config import load
from tests.gateway import pems
from tests.gateway.cli.conftest import Shell
from tests.gateway.cli.test_processes import CONFIG, PATIENCE, read_until, running

CA = pems.make("authority")
TLS = 'port = 0\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A served gateway whose certificate is for another name than it is reached by; its file and its URL."""
    folder = tmp_path_factory.mktemp("gateway")
    pems.make("gateway", CA, hosts=("sms.example",)).write(folder, chain=CA.pem)
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(gateway="").replace("port = 0\n", TLS), encoding="utf-8")
    with running("serve", "--config", str(path)) as process:
        url = read_until(process, r"^ready (https://127\.0\.0\.1:\d+)$")[1]
        path.write_text(path.read_text(encoding="utf-8").replace("port = 0", f"port = {url.rpartition(':')[2]}"))
        yield path, url
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.fixture
def keyed(gateway: tuple[Path, str]) -> Shell:
    made = Shell({}).run("keys", "create", "shop", "--config", str(gateway[0]), "--scope", "modems:read")
    return Shell({"SIMWIRE_KEY": made.stdout.strip()})


def test_its_configuration_is_enough_on_the_same_machine(gateway: tuple[Path, str], keyed: Shell) -> None:
    assert url_of(load(gateway[0]).api) == gateway[1]
    result = keyed.run("modems", "list", "--config", str(gateway[0]))
    assert result.exit_code == 0, result.output


def test_only_that_very_certificate_is_trusted_then(gateway: tuple[Path, str], keyed: Shell, tmp_path: Path) -> None:
    """Another of the same authority is not, although the chain in the file would vouch for it."""
    pems.make("another", CA, hosts=("127.0.0.1",)).write(tmp_path, chain=CA.pem)
    path = tmp_path / "gateway.toml"
    path.write_text(gateway[0].read_text(encoding="utf-8"), encoding="utf-8")
    result = keyed.run("modems", "list", "--config", str(path))
    assert result.exit_code == 1
    assert "certificate that is not trusted" in result.stderr


def test_a_url_alone_needs_a_certificate_that_the_system_trusts(gateway: tuple[Path, str], keyed: Shell) -> None:
    result = keyed.run("modems", "list", "--url", gateway[1])
    assert result.exit_code == 1
    assert "--ca-file" in result.stderr
    assert "Traceback" not in result.output


def test_an_authority_may_be_named_and_names_are_checked_then(
    gateway: tuple[Path, str], keyed: Shell, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(CA.pem)
    result = keyed.run("modems", "list", "--url", gateway[1], "--ca-file", str(authority))
    assert result.exit_code == 1
    assert "127.0.0.1" in result.stderr  # the certificate is for sms.example

    pems.make("renewed", CA, hosts=("127.0.0.1",)).write(tmp_path)
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(gateway="").replace("port = 0\n", TLS), encoding="utf-8")
    with running("serve", "--config", str(path)) as process:
        url = read_until(process, "^ready (.+)$")[1]
        made = Shell({}).run("keys", "create", "shop", "--config", str(path), "--scope", "modems:read")
        shell = Shell({"SIMWIRE_KEY": made.stdout.strip(), "SIMWIRE_URL": url, "SIMWIRE_CA_FILE": str(authority)})
        assert shell.run("modems", "list").exit_code == 0
        assert shell.run("modems", "list", SIMWIRE_CA_FILE=str(tmp_path / "cert.pem")).exit_code == 0


def test_a_file_that_holds_no_certificate(keyed: Shell, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="ascii")
    result = keyed.run("modems", "list", "--url", "https://127.0.0.1:1", "--ca-file", str(tmp_path / "ca.pem"))
    assert result.exit_code == 1
    assert "no certificate in PEM form" in result.stderr


def test_health_behind_a_proxy_on_the_same_machine_needs_a_key(gateway: tuple[Path, str], keyed: Shell) -> None:
    """Through the real server, which must hand the proxy's headers on."""
    trust = ssl.create_default_context(cadata=CA.pem.decode())
    trust.check_hostname = False
    with urlopen(f"{gateway[1]}/health/live", context=trust, timeout=PATIENCE) as answer:
        assert json.load(answer) == {"status": "live"}
    for name in ("X-Forwarded-For", "Forwarded", "X-Forwarded-Proto", "Via"):
        with pytest.raises(OSError, match="401") as refused:
            urlopen(Request(f"{gateway[1]}/health/live", headers={name: "x"}), context=trust, timeout=PATIENCE)
        refused.value.close()  # type: ignore[attr-defined]  # an HTTPError is an answer too
