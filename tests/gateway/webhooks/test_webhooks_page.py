"""docs/webhooks.md is true: its snippet checks what is really sent, its tables name what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import KINDS
from gateway.messages import Secret
from gateway.webhooks import Webhooks
from gateway.webhooks.request import sign
from hardware.clock import SystemClock
from tests.gateway.world import World

from .conftest import SECRET, MakeHook, Scene
from .receiver import Receiver, Sent

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
Check = Callable[[str, str, bytes], bool]


@pytest.fixture
def is_genuine() -> Check:
    """The function of the page."""
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Check] = {}
    exec(snippet, names)
    return names["is_genuine"]


def really_sent(scene: Scene, receiver: Receiver, *hooks: object) -> Sent:
    """A test event by the real clock."""
    webhooks = Webhooks(hooks, scene.store, SystemClock())  # type: ignore[arg-type]
    assert webhooks.test("hook1").error is None
    return receiver.sent[-1]


def test_the_snippet_takes_what_is_sent_and_nothing_else(
    scene: Scene, receiver: Receiver, make_hook: MakeHook, is_genuine: Check
) -> None:
    sent = really_sent(scene, receiver, make_hook(receiver.port))
    signature, body = sent.headers["X-Signature"], sent.body
    assert is_genuine(SECRET, signature, body)
    assert not is_genuine("another secret, as long as it", signature, body)
    assert not is_genuine(SECRET, signature, body + b" ")
    moment = int(signature.partition(",")[0].removeprefix("t="))
    assert not is_genuine(SECRET, signature.replace(f"t={moment}", f"t={moment + 1}"), body)
    for broken in ("", "t=", "v1=", signature.partition(",")[0], signature.replace("v1", "v0"), "t=²,v1=ü", "t=-1,v1="):
        assert not is_genuine(SECRET, broken, body)


def test_the_snippet_refuses_what_is_old(is_genuine: Check) -> None:
    now = SystemClock().now().wall
    for age, genuine in ((0, True), (250, True), (350, False), (-350, False)):
        assert is_genuine(SECRET, sign([Secret(SECRET)], int(now - age), b"{}"), b"{}") is genuine


def test_the_snippet_takes_either_secret_while_one_replaces_the_other(
    scene: Scene, receiver: Receiver, make_hook: MakeHook, is_genuine: Check
) -> None:
    hook = make_hook(receiver.port)
    hook.secret_file.write_text(f"another secret that is new\n{SECRET}\n", encoding="ascii")
    sent = really_sent(scene, receiver, hook)
    for secret in (SECRET, "another secret that is new"):
        assert is_genuine(secret, sent.headers["X-Signature"], sent.body)


def test_the_example_has_the_fields_of_a_real_event(
    make_world: Callable[..., World], receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "hook.secret").write_text(SECRET, encoding="ascii")
    world = make_world(
        f'[[webhook]]\nurl = "http://127.0.0.1:{receiver.port}/"\nsecret_file = "hook.secret"\n'
        'allow_private = ["127.0.0.1"]\n'
    )
    message = world.post("/v1/messages", {"to": "+447700900123", "text": "hello"}).get_json()
    otp = world.post("/v1/otp", {"to": "+447700900123", "purpose": "login"}).get_json()
    world.delete(f"/v1/messages/{message['id']}")
    world.delete(f"/v1/otp/{otp['id']}")
    while world.webhooks.endpoints["hook1"].turn() == 0:
        pass
    documents = {sent.document["type"]: sent.document for sent in receiver.sent}
    (example,) = (json.loads(body) for body in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    real = documents["message.cancelled"]
    assert list(real) == list(example)
    assert list(real["data"]) == list(example["data"])
    (row,) = re.findall(r"^\| `otp\.approved`.*\| (.*) \|$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == list(documents["otp.cancelled"]["data"])


def test_every_kind_stands_on_the_page() -> None:
    for kind in KINDS:
        group, _, state = kind.partition(".")
        (row,) = re.findall(rf"^\| `{group}\..*$", PAGE, re.MULTILINE)
        assert f"`{state}`" in row or f"`{kind}`" in row, kind
