"""What a reload changes in a gateway that serves, key by key; and what it leaves until a restart."""

from __future__ import annotations

import json
import logging
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from gateway import reloading
from gateway.cli import serve
from gateway.config import Config, ModemConfig, WebhookConfig, load
from gateway.retry import RetryPolicy
from gateway.service import Service
from hardware.clock import SystemClock
from tests.gateway import pems

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BASE = """
[gateway]
organisation = "Example Bank"
country = "GB"
timezone = "UTC"
{gateway}
[api]
port = 0
{api}
[[modem]]
name = "sim1"
port = "simulator"
time_scale = 0.1
{modem}
"""
NUMBER, FRENCH = "+447700900123", "+33612345678"


def written(folder: Path, rest: str = "", **sections: str) -> Config:
    """A configuration file, read and checked."""
    path = folder / "config.toml"
    path.write_text(BASE.format(**{"gateway": "", "api": "", "modem": ""} | sections) + rest, encoding="utf-8")
    return load(path)


def keys_of(section: str) -> list[str]:
    model = {"modem": ModemConfig, "webhook": WebhookConfig}.get(section, Config.model_fields[section].annotation)
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return list(model.model_fields)


# -- the rule ---------------------------------------------------------------------------------------------------------


def test_what_is_called_live_exists() -> None:
    for section, keys in reloading.LIVE.items():
        assert keys <= {*keys_of(section), "*"}, section


def test_the_page_tells_of_each_key_whether_it_holds_from_a_reload_on() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("| section | from a reload on |") :].partition("\n\n")[0]
    told = {}
    for line in table.splitlines()[2:]:
        section, live, restart = (re.findall(r"`\[*(\w+)\]*`|(everything)", cell) for cell in line.split("|")[1:4])
        told[section[0][0]] = tuple({word or everything for word, everything in cell} for cell in (live, restart))
    assert list(told) == list(Config.model_fields)
    for section, (live, restart) in told.items():
        keys = set(keys_of(section))
        expected = {key for key in keys if reloading.is_live(section, key)}
        assert (keys if live == {"everything"} else live) == expected, section
        assert (keys if restart == {"everything"} else restart) == keys - expected, section


def test_what_takes_a_restart_stays_and_is_named(tmp_path: Path) -> None:
    before = written(tmp_path)
    more = 'baudrate = 9600\nper_day = 5\n[canary]\nevery = "0s"\nwithin = "60s"\n[messages]\nprice = 1.0\n'
    after = written(tmp_path, more, gateway='database = "other.db"', api="threads = 8")
    found = reloading.reload(before, after)

    assert found.restart == ("gateway.database", "api.threads", "modem[0].baudrate", "canary.within")
    assert found.config.gateway.database == before.gateway.database
    assert found.config.modem[0].per_day == 5
    assert found.config.messages.price == 1.0
    assert reloading.reload(found.config, after).restart == found.restart, "told again, as long as it is so"
    assert reloading.reload(found.config, before).restart == ()


def test_modems_neither_come_nor_go(tmp_path: Path) -> None:
    before = written(tmp_path, modem="per_day = 1")
    after = written(tmp_path, '[[modem]]\nport = "simulator"\n', modem="per_day = 2")
    found = reloading.reload(before, after)

    assert found.restart == ("modem",)
    assert found.config.modem == before.modem


def test_tls_is_not_turned_on(tmp_path: Path) -> None:
    pems.make("gateway").write(tmp_path)
    before = written(tmp_path)
    after = written(tmp_path, api='tls_cert = "cert.pem"\ntls_key = "key.pem"')
    found = reloading.reload(before, after)

    assert found.restart == ("api.tls_cert", "api.tls_key")
    assert found.config.api == before.api


# -- a gateway that serves --------------------------------------------------------------------------------------------


class Served:
    """A started gateway, and a client with a key that may do everything."""

    def __init__(self, service: Service, context: ssl.SSLContext | None = None) -> None:
        self.service, self.context = service, context
        scopes = ("messages:send", "messages:read", "otp:send", "modems:read", "admin")
        _, key = service.store.keys.create("shop", scopes, service.clock.now())
        self.key = key.reveal()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.service.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def code_text(self) -> str:
        return str(self.ask("POST", "/v1/preview", {"purpose": "login"})[1]["text"])


@contextmanager
def serving(config: Config, context: ssl.SSLContext | None = None) -> Iterator[Served]:
    service = Service(config, SystemClock())
    service.start()
    try:
        yield Served(service, context)
    finally:
        assert service.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait for something to happen; the test's own time-out is the limit."""
    while not condition():
        pass


def test_what_clients_meet_changes_at_once_and_what_they_wait_for_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(written(tmp_path, '[limits.number]\nrates = ["1/1h"]\nmode = "enforce"\n')) as served:
        service = served.service
        assert served.ask("POST", "/v1/otp", {"to": NUMBER, "purpose": "login"})[0] == 202
        assert "Example Bank" in served.code_text()
        assert served.ask("POST", "/v1/preview", {"to": FRENCH, "text": "x"})[0] == 403
        rest = (
            '[limits]\nallowed_countries = ["GB", "FR"]\ndisk_reserve = "1MB"\n'
            '[limits.number]\nrates = ["1/1h"]\nmode = "enforce"\n[messages]\nmax_parts = 1\n'
            '[otp]\nhedge_after = "7s"\nlock_after = 3\n[retries]\nschedule = ["9s"]\n[retention]\ntexts = "5d"\n'
            '[opt_out]\nwords = ["BASTA"]\n'
        )
        service.reload(written(tmp_path, rest, modem="per_day = 7"))
        assert served.ask("POST", "/v1/preview", {"to": FRENCH, "text": "x"})[0] == 200
        assert served.ask("POST", "/v1/messages", {"to": NUMBER, "text": "x" * 200})[0] == 422
        status, refused = served.ask("POST", "/v1/otp", {"to": NUMBER, "purpose": "signup"})
        assert (status, refused["code"]) == (429, "number_rate"), "what was counted before still counts"
        assert service.scheduler.timing.hedge_after == 7.0
        assert service.store.challenges.guesses._settings.lock_after == 3
        assert service.store.outbox._settings is service.store.settings
        assert service.store.retention.keep.texts == 5 * 86_400.0
        assert service.store.database.reserve == 1_000_000
        assert service.fleet.worker("sim1")._sender.results.retries == RetryPolicy((9.0,), 20)
        until(lambda: served.ask("GET", "/v1/modems/sim1")[1]["quota"])
        (quota,) = served.ask("GET", "/v1/modems/sim1")[1]["quota"]
        assert (quota["rule"], quota["limit"]) == ("per_day", 7)
        assert len(service.store.inbox.listeners) == 1, "one who hears STOP"

        service.reload(written(tmp_path, '[limits]\nallowed_countries = ["GB"]\ndisk_reserve = "999999GB"\n'))
        service.store.database._space = (-10.0, True)
        assert served.ask("POST", "/v1/messages", {"to": NUMBER, "text": "x"})[0] == 503
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "simwire.journal")
    assert "reload: messages.max_parts is 1, and was 10" in said
    assert "reload: modem[0].per_day is 7, and was null" in said


def test_a_quota_that_is_made_smaller_counts_what_was_sent_before(tmp_path: Path) -> None:
    with serving(written(tmp_path)) as served:
        identity = served.ask("POST", "/v1/messages", {"to": NUMBER, "text": "x"})[1]["id"]
        until(lambda: served.ask("GET", f"/v1/messages/{identity}?wait=0.1")[1]["state"] in {"sent", "delivered"})
        served.service.reload(written(tmp_path, modem="per_day = 1\notp_share = 0.0"))
        until(lambda: served.ask("GET", "/v1/modems/sim1")[1]["quota"])
        (quota,) = served.ask("GET", "/v1/modems/sim1")[1]["quota"]
        assert (quota["used"], quota["limit"]) == (1, 1)
        identity = served.ask("POST", "/v1/messages", {"to": NUMBER, "text": "x"})[1]["id"]
        assert served.ask("GET", f"/v1/messages/{identity}?wait=1")[1]["state"] == "queued"
        served.service.reload(written(tmp_path))
        until(lambda: served.ask("GET", f"/v1/messages/{identity}?wait=0.1")[1]["state"] in {"sent", "delivered"})


def test_templates_are_read_again_though_their_folder_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "en.toml").write_text(
        '[login]\ntexts = ["{code} is yours, {organisation}. {time}, until {until}. Never share it."]\n',
        encoding="utf-8",
    )
    rest = '[otp]\ntemplates = "templates"\n'
    with serving(written(tmp_path, rest)) as served:
        assert "is yours" in served.code_text()
        (folder / "en.toml").write_text(
            '[login]\ntexts = ["Only for you: {code}, {organisation}. {time}, until {until}. Never share it."]\n',
            encoding="utf-8",
        )
        served.service.reload(written(tmp_path, rest))
        assert served.code_text().startswith("Only for you: ")


def test_a_renewed_certificate_is_served_at_once(tmp_path: Path) -> None:
    api = 'tls_cert = "cert.pem"\ntls_key = "key.pem"'
    pems.make("gateway").write(tmp_path)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with serving(written(tmp_path, api=api), context) as served:
        host, port = served.service.url.removeprefix("https://").split(":")
        before = ssl.get_server_certificate((host, int(port)))
        pems.make("renewed").write(tmp_path)
        served.service.reload(written(tmp_path, api=api))
        assert ssl.get_server_certificate((host, int(port))) != before
        assert served.code_text()


def test_a_defect_in_a_reload_ends_no_gateway(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path)

    class Tripping:
        def reload(self, _: Config) -> None:
            raise KeyError("sim1")

    serve._reload(cast("Service", Tripping()), tmp_path / "config.toml", None)
    assert "a defect of the program: reload: broken off" in caplog.text
