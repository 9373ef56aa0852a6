"""A whole run at the loudest log level: codes, texts, PINs, keys and bindings stand in no file and in no answer."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hardware.pdu import segment
from hardware.simulator import Fault, Refuse, Step
from tests.acceptance.harness import Gateway, World, until
from tests.acceptance.leaks import files_of, forms, leaks

SOMEONE, ANOTHER = "+447700900001", "+447700900002"
CONFIGURED = ("config.toml", "sim1.pin", "sim2.pin", "simwire.key")
SECRETS = {
    "pin": "7351926",
    "wrong pin": "8264071",
    "own code": "QZ7K4W9X",
    "wrong code": "VX3T8R2N",
    "binding": "binding-heliotrope",
    "wrong binding": "binding-vermilion",
    "payee": "Payee Oystercatcher",
    "text": "text marmalade sky",
    "unicode text": "tekst żółwia błotnego",
    "long text": "text of many parts, all of plum",
    "own code's text": "K7M2P9Q4 opens the gate",
    "scheduled text": "text for another century",
    "received": "answer from the marshland",
    "refused text": "text that nobody takes",
    "malformed": "malformed-periwinkle",
    "unknown field": "unknown-turpentine",
    "bad value": "value-cumulonimbus",
    "idempotency": "idempotent-kingfisher",
    "wrong key": "sw_wrong-key-chrysanthemum",
    "ussd": "*135*90417263#",
    "ussd answer": "voucher-ptarmigan",
}
SCOPES = (
    *("messages:send", "messages:read", "messages:otp", "messages:raw", "otp:send", "otp:check"),
    *("inbox:read", "modems:read", "modems:manage"),
)


class Run:
    """A gateway, what it is asked, and everything that it answers but what the asker is to know."""

    def __init__(self, folder: Path, form: str) -> None:
        self.world = World(folder, modems=3)
        self.folder, self.answers = folder, {}
        for name, pin in (("sim1", SECRETS["pin"]), ("sim2", SECRETS["wrong pin"])):
            (folder / f"{name}.pin").write_text(f"{pin}\n", encoding="ascii")
            self._lock_card(name)
        config = self.world.write_config("explain = true", sim1='pin_file = "sim1.pin"', sim2='pin_file = "sim2.pin"')
        config.write_text(
            config.read_text(encoding="utf-8").replace("[gateway]\n", f'[gateway]\nlog_format = "{form}"\n'),
            encoding="utf-8",
        )
        self.gateway = Gateway(config, "--log-level", "debug")
        self.gateway.start()
        self.gateway.make_key(*SCOPES)
        self.gateway.until_ready(2)

    def _lock_card(self, name: str) -> None:
        card = self.world.modems[name].sim
        self.world.server.call(lambda: setattr(card, "pin", SECRETS["pin"]))
        self.world.server.call(lambda: setattr(card, "ussd", {SECRETS["ussd"]: SECRETS["ussd answer"]}))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request whose answer is kept to be searched."""
        status, answer = self.gateway.call(method, path, body)
        self.answers[f"{len(self.answers)} {status} {method} {path}"] = json.dumps(answer, ensure_ascii=False).encode()
        return answer

    def ask_raw(self, path: str, octets: bytes, **headers: str) -> None:
        """A request that is not in order."""
        sent = {"Authorization": f"Bearer {self.gateway.key}", "Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        request = urllib.request.Request(self.gateway.url + path, data=octets or None, headers=sent)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        with refused.value as error:
            self.answers[f"{len(self.answers)} {error.code} {path}"] = error.read()

    def final(self, message_id: str) -> None:
        """Wait until it is over, and look at its timeline."""
        self.ask("GET", f"/v1/messages/{message_id}?wait=60")

    def received(self, number: str) -> list[str]:
        return [shown.text or "" for shown in self.world.received(number)]

    def audit(self) -> bytes:
        """The audit log, as the command line shows it."""
        words = [sys.executable, "-m", "gateway.cli", "audit", "list", "--config", str(self.gateway.config), "--json"]
        return subprocess.run(words, check=True, capture_output=True).stdout

    def places(self) -> dict[str, bytes]:
        """Everything that can be looked into: files and answers."""
        return files_of(self.folder, *CONFIGURED) | self.answers

    def end(self) -> None:
        assert self.gateway.stop() == 0
        self.world.stop()


def the_code(text: str) -> str:
    found = re.search(r"\b\d{7}\b", text)
    assert found is not None
    return found[0]


def codes(run: Run) -> dict[str, str]:
    """Codes of every kind, with everything that can go wrong; the codes that the gateway made."""
    made = run.ask("POST", "/v1/otp", {"to": SOMEONE, "purpose": "login", "length": 7, "binding": SECRETS["binding"]})
    run.final(made["message_id"])
    found = {"made code": the_code(run.received(SOMEONE)[-1])}
    checks = f"/v1/otp/{made['id']}/check"
    run.ask("POST", checks, {"code": SECRETS["wrong code"], "binding": SECRETS["binding"]})
    run.ask("POST", checks, {"code": found["made code"], "binding": SECRETS["wrong binding"]})
    again = run.ask("POST", f"/v1/otp/{made['id']}/resend", {})
    run.final(again["message_id"])
    found["second code"] = the_code(run.received(SOMEONE)[-1])
    assert (
        run.ask("POST", checks, {"code": found["second code"], "binding": SECRETS["binding"]})["result"] == "approved"
    )
    run.ask("GET", f"/v1/otp/{made['id']}")

    context = {"payee": SECRETS["payee"], "amount": "49.90", "currency": "GBP"}
    own = {"to": ANOTHER, "purpose": "transaction", "code": SECRETS["own code"], "context": context}
    made = run.ask("POST", "/v1/otp", own)
    run.final(made["message_id"])
    assert SECRETS["own code"] in run.received(ANOTHER)[-1]
    run.ask("POST", f"/v1/otp/{made['id']}/check", {"code": SECRETS["own code"]})
    run.ask("DELETE", f"/v1/otp/{made['id']}")
    sent = run.ask("POST", "/v1/messages", {"to": ANOTHER, "text": SECRETS["own code's text"], "priority": "otp"})
    run.final(sent["id"])
    return found


def messages(run: Run) -> None:
    """Ordinary messages: one part, many, another alphabet, octets, one for later, one that the network refuses."""
    for name in ("text", "unicode text"):
        run.final(run.ask("POST", "/v1/messages", {"to": SOMEONE, "text": SECRETS[name]})["id"])
        assert SECRETS[name] in run.received(SOMEONE)
    run.final(run.ask("POST", "/v1/messages", {"to": SOMEONE, "text": (SECRETS["long text"] + ". ") * 12})["id"])
    data = {"to": SOMEONE, "data": SECRETS["text"].encode().hex(), "port": 4711}
    run.final(run.ask("POST", "/v1/messages", data)["id"])
    later = {"to": SOMEONE, "text": SECRETS["scheduled text"], "not_before": "2099-01-01T00:00:00Z"}
    run.ask("POST", "/v1/messages", later)
    for modem in run.world.modems.values():
        run.world.server.call(lambda modem=modem: modem.inject(Fault(Step.PDU, Refuse(1), times=1)))
    run.final(run.ask("POST", "/v1/messages", {"to": ANOTHER, "text": SECRETS["refused text"]})["id"])


def refusals(run: Run) -> None:
    """Requests that are not in order, each with something in it that must not come back."""
    run.ask_raw("/v1/messages", b'{"to": "%s", "text": "%s' % (SOMEONE.encode(), SECRETS["malformed"].encode()))
    run.ask_raw("/v1/otp", SECRETS["malformed"].encode())
    run.ask_raw("/v1/otp", json.dumps({"to": SOMEONE, "purpose": "login", "code": SECRETS["bad value"]}).encode())
    bad = {"to": "12", "text": SECRETS["bad value"], "priority": SECRETS["bad value"], "tags": SECRETS["bad value"]}
    run.ask_raw("/v1/messages", json.dumps(bad).encode())
    run.ask_raw("/v1/messages", json.dumps({"to": SOMEONE, "text": "x", "why": SECRETS["unknown field"]}).encode())
    twice = {"to": SOMEONE, "text": SECRETS["text"]}
    run.gateway.call("POST", "/v1/messages", twice)
    body = json.dumps({"to": SOMEONE, "text": SECRETS["text"], "port": 99}).encode()
    run.ask_raw("/v1/messages", body, Idempotency_Key=SECRETS["idempotency"])
    run.ask_raw("/v1/messages", json.dumps(twice).encode(), Authorization=f"Bearer {SECRETS['wrong key']}")
    run.ask_raw("/v1/modems", b"", Authorization=f"Basic {SECRETS['wrong key']}")


def others(run: Run) -> None:
    """An incoming message, a USSD code, and a message under an Idempotency-Key."""
    handset = run.world.server.call(lambda: run.world.network.handset(SOMEONE))
    run.world.server.call(lambda: handset.send(SECRETS["received"], to="+447700900151"))
    found = run.gateway.call("GET", "/v1/inbox?wait=30")[1]
    assert [one["text"] for one in found["items"]] == [SECRETS["received"]]
    status, answer = run.gateway.call("POST", "/v1/modems/sim1/ussd", {"code": SECRETS["ussd"]})
    assert (status, answer["text"]) == (200, SECRETS["ussd answer"])
    request = urllib.request.Request(
        run.gateway.url + "/v1/messages",
        data=json.dumps({"to": SOMEONE, "text": SECRETS["text"]}).encode(),
        headers={
            "Authorization": f"Bearer {run.gateway.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": SECRETS["idempotency"],
        },
    )
    for _ in range(2):
        with urllib.request.urlopen(request, timeout=30) as answered:
            run.answers[f"{len(run.answers)} under a key"] = answered.read()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_in_no_line_page_or_answer(tmp_path: Path, form: str) -> None:
    run = Run(tmp_path, form)
    try:
        secrets = SECRETS | codes(run) | {"key": run.gateway.key}
        messages(run)
        refusals(run)
        others(run)
        run.answers["audit"] = run.audit()
        run.ask("GET", "/v1/modems")
        until(lambda: b"sim1" in (tmp_path / "log.txt").read_bytes(), 10, "something in the log")
        alive = run.places()
        assert {"simwire.db", "simwire.db-wal", "simwire.db-shm", "log.txt"} <= set(alive)
        assert leaks(secrets, alive) == set()
    finally:
        run.end()
    ended = run.places()
    assert b"stopped" in ended["log.txt"]
    assert leaks(secrets, ended) == set()
    assert SOMEONE.encode() not in ended["log.txt"]
    the_search_finds(tmp_path, secrets, ended)


def the_search_finds(folder: Path, secrets: dict[str, str], ended: dict[str, bytes]) -> None:
    """A search that finds nothing proves nothing, until it finds what is put there."""
    with closing(sqlite3.connect(folder / "simwire.db", isolation_level=None)) as cx:
        cx.execute("INSERT INTO meta VALUES ('planted', ?)", (secrets["second code"],))
        cx.execute("INSERT INTO inbox_parts (digest, content, sequence, total, body, modem, imsi, received_at)"
                   " VALUES (x'00', x'00', 1, 1, ?, 'sim1', '0', 0)",
                   (segment(f"so {secrets['text']}").segments[0].user_data(),))  # fmt: skip
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"event": secrets["unicode text"]}) + "\n")
        log.write(base64.b64encode(f"Authorization: {secrets['key']}".encode()).decode() + "\n")
    found = leaks(secrets, files_of(folder, *CONFIGURED))
    files = {place for _, place in found}
    assert {name for name, _ in found} == {"second code", "text", "unicode text", "key"}
    assert {"log.txt", "simwire.db"} <= files <= {"log.txt", "simwire.db", "simwire.db-wal"}
    assert set(ended) > files - {"simwire.db-wal"}


@pytest.mark.parametrize("secret", ["QZ7K4W9X", "text marmalade sky", "7351926"])
def test_every_form_of_a_secret_is_found_wherever_it_begins(secret: str) -> None:
    for lead in range(8):
        for wrapped in (
            "x" * lead + secret + "!",
            base64.b64encode(("x" * lead + secret + "!").encode()).decode(),
            ("x" * lead + secret + "!").encode("utf-16-be").hex(),
        ):
            assert leaks({"it": secret}, {"here": wrapped.encode()}), wrapped
        packed = segment("x" * lead + secret + "!").segments[0].user_data()
        assert leaks({"it": secret}, {"here": packed})
        assert leaks({"it": secret}, {"here": packed.hex().upper().encode()})
    assert not leaks({"it": secret}, {"here": b"nothing of it, only " + secret[:-1].encode()})
    assert all(len(form) >= 4 for form in forms(secret))
