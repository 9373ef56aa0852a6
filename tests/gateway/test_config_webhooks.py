"""[[webhook]]: what it takes, and what it says of what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.announcing import ON_THE_WAY
from gateway.config import KINDS
from gateway.messages import MessageState
from gateway.store import ChallengeState

from .test_config import LEAST, problems, read

SECRET = "a secret of sufficient length"
URL = 'url = "https://hooks.example.com/"\n'
FILE = 'secret_file = "hook.secret"\n'


@pytest.fixture(autouse=True)
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "hook.secret"
    path.write_text(f"{SECRET}\n", encoding="ascii")
    return path


def hook(*lines: str) -> str:
    return f"{LEAST}[[webhook]]\n{''.join(lines)}"


def test_none_is_needed_and_names_are_given_in_order(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST).webhook == ()
    config = read(tmp_path, hook(URL, FILE, f'[[webhook]]\nname = "billing"\n{URL}{FILE}[[webhook]]\n{URL}{FILE}'))
    assert [one.name for one in config.webhook] == ["hook1", "billing", "hook3"]
    first = config.webhook[0]
    assert (first.events, first.clients, first.allow_private, first.timeout, first.ca_file) == (
        *(("*",), (), ()),
        *(10.0, None),
    )
    assert [one.reveal() for one in first.read_secrets()] == [SECRET]
    assert SECRET not in repr(config)


def test_two_with_one_name_are_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, hook(URL, FILE, f'[[webhook]]\nname = "hook1"\n{URL}{FILE}'))
    assert found == ["webhook: two webhooks with the name hook1"]


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (SECRET, True),
        (f"{SECRET}\n", True),
        (f"\n{SECRET}\nthe secret before that one\n", True),
        ("x" * 15, False),
        (f"{SECRET}\nshort", False),
        (f"{SECRET}\n{SECRET}\n{SECRET}", False),
        ("", False),
        ("schlüssel schlüssel", False),
    ],
)
def test_what_a_secret_file_may_hold(tmp_path: Path, secret_file: Path, content: str, good: bool) -> None:
    secret_file.write_text(content, encoding="utf-8")
    if good:
        assert read(tmp_path, hook(URL, FILE)).webhook
        return
    (found,) = problems(tmp_path, hook(URL, FILE))
    assert found.startswith("webhook[0].secret_file: ")
    assert SECRET not in found


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('url = "ftp://hooks.example.com/"', "an http or https URL"),
        ('url = "https:///path"', "an http or https URL"),
        ('url = "https://hooks.example.com:99999/"', "no URL"),
        ('url = "https://user:pass@hooks.example.com/"', "without user, password"),
        ('url = "https://hooks.example.com/#here"', "without user, password and fragment"),
        ('url = "https://hooks.example.com/a b"', "without spaces"),
        ('url = "https://bücher.example/"', "a URL in ASCII"),
        ('url = "http://hooks.example.com/"', "in clear text"),
        ('url = "http://localhost/"', "in clear text"),
        ('url = "https://127.0.0.1/"', "127.0.0.1 is a private address"),
        ('url = "https://[::1]/"', "::1 is a private address"),
        ('url = "https://[::ffff:10.0.0.1]/"', "10.0.0.1 is a private address"),
        ('url = "https://169.254.169.254/"', "169.254.169.254 is a private address"),
        ('url = "https://0.0.0.0/"\nallow_private = ["0.0.0.0/0"]', "no address of a single machine"),
        ('url = "http://8.8.8.8/"', "8.8.8.8 is a public address; use https"),
        (URL + 'allow_private = ["other.example.com"]', "not the host of the url"),
        (URL + 'allow_private = ["10.1.0.5/16"]', "has host bits set"),
        (URL + 'allow_private = ["not a host"]', "neither a host name nor"),
        (URL + 'events = ["message.arrived"]', "is no kind of event; there are *, message.*"),
        (URL + "events = []", "at least 1 item"),
        (URL + 'timeout = "5m"', "from 1 s to 60 s"),
        (URL + 'ca_file = "none.pem"', "no certificates can be read"),
        (URL + 'ca_file = "hook.secret"', "no certificates can be read"),
        (URL + 'name = "a b"', "at most 32 letters"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, lines: str, said: str) -> None:
    (found,) = problems(tmp_path, hook(f"{lines.rstrip()}\n", FILE))
    assert said in found
    assert "webhook[0]" in found


@pytest.mark.parametrize(
    "lines",
    [
        'url = "http://127.0.0.1:9000/x"\nallow_private = ["127.0.0.1"]',
        'url = "http://127.0.0.1:9000/x"\nallow_private = ["127.0.0.0/8"]',
        'url = "http://localhost/"\nallow_private = ["LOCALHOST"]',
        'url = "http://hooks.intra.example/"\nallow_private = ["10.1.0.0/16"]',
        'url = "https://[fd00::1]/"\nallow_private = ["fd00::/8"]',
        'url = "http://hooks.example.com/"\ninsecure_http = true',
        URL + 'events = ["otp.*", "message.delivered", "inbox.received", "modem.*"]\nclients = ["shop"]',
    ],
)
def test_what_can_be_used(tmp_path: Path, lines: str) -> None:
    assert read(tmp_path, hook(f"{lines.rstrip()}\n", FILE)).webhook


def test_the_kinds_are_those_that_the_gateway_makes() -> None:
    states = {kind.partition(".")[2] for kind in KINDS if kind.startswith("message.")}
    assert states == {state.value for state in MessageState}
    challenges = {kind.partition(".")[2] for kind in KINDS if kind.startswith("otp.")}
    assert challenges == {state.value for state in ChallengeState} - {"pending"}
    modems = {kind.partition(".")[2] for kind in KINDS if kind.startswith("modem.")}
    shown = {"absent", "opening", "locked", "configuring", "searching", "ready", "denied", "paused", "failed"}
    assert modems == (shown - set(ON_THE_WAY)) | {"condition"}
