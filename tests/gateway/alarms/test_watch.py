"""Alarms told to people: once, again, over; by SMS, by mail, as events; over restarts."""

from __future__ import annotations

import email
import email.message
import email.policy
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from gateway.alarms import Alarms, Mailer, MailError, Texter
from gateway.alarms.lookout import Lookout
from gateway.config import AlarmsConfig, SmtpConfig
from gateway.directory import CanaryView, ModemView
from gateway.messages import ALARMS, Lane
from gateway.objective import Objectives
from gateway.store import MessageFilter
from hardware.pdu import segment
from tests.gateway import pems
from tests.gateway.world import World

PERSON = "+447700900777"
SMS = f'[alarms]\nsms_to = ["{PERSON}"]\nwaits = {{otp = 0}}\n'  # nothing is sent in these worlds


class Watched:
    """A world with alarms whose modems and canaries are set by hand."""

    def __init__(self, folder: Path, settings: str = SMS) -> None:
        self.world = World(folder, settings)
        self.world.views = [ModemView("sim1", "ready"), ModemView("sim2", "ready")]
        self.canaries: list[CanaryView] = []
        self.alarms = self.made()

    def made(self) -> Alarms:
        world, config = self.world, self.world.config.alarms
        return Alarms(
            config,
            "Example Bank",
            Lookout(world.store, Objectives(world.clock), world.modems, lambda: self.canaries),
            world.store,
            world.clock,
            Texter(config.sms_to, world.store, world.clock, world.modems, lambda *_: None),
            world.mailer,
        )

    def round(self, seconds: float = 0.0) -> int:
        self.world.clock.advance(seconds)
        return self.alarms.round(self.world.clock.now())

    def texts(self) -> list[str]:
        outbox = self.world.store.outbox
        found = [outbox.text(one.id) for one in outbox.list(MessageFilter(client=ALARMS))[0]]
        return [text.reveal() for text in reversed(found) if text is not None]

    def events(self) -> list[tuple[str, str]]:
        stored = self.world.store.events.after(0, 1000)
        return [(event.kind, event.body["alarm"]) for event in stored if event.kind.startswith("alarm.")]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    one = Watched(tmp_path)
    yield one
    one.world.close()


def missed() -> CanaryView:
    return CanaryView("sim1", "sim2", "missed", "nothing came")


def test_an_alarm_is_told_once_again_after_a_while_and_when_it_is_over(watched: Watched) -> None:
    assert watched.round() == 0
    watched.canaries = [missed()]
    assert watched.round() == 1
    assert watched.round(60) == 0
    (view,) = watched.alarms.views()
    assert view.alarm.key == "canary:sim1>sim2"
    assert watched.round(14_400) == 1
    watched.canaries = []
    assert watched.round(15) == 0
    watched.canaries = [missed()]
    assert watched.round(50) == 0, "what comes and goes is one alarm"
    watched.canaries = []
    assert [watched.round(15), watched.round(59), watched.round(1)] == [0, 0, 1]
    assert watched.alarms.views() == []
    canary = "canary:sim1>sim2"
    assert watched.events() == [("alarm.raised", canary), ("alarm.raised", canary), ("alarm.cleared", canary)]
    first, _, last = watched.texts()
    assert first.startswith("Simwire (Example Bank): WARNING: the message that sim1 sent to sim2")
    assert "OVER after" in last


def test_one_that_does_not_last_is_told_to_nobody(watched: Watched) -> None:
    watched.world.views = [replace(view, state="absent", condition="port_missing") for view in watched.world.views]
    assert watched.round() == 0
    assert watched.round(59) == 0
    watched.world.views = [ModemView("sim1", "ready")]
    assert [watched.round(5), watched.round(120)] == [0, 0]
    assert watched.texts() == []


def test_it_goes_by_another_sim_than_that_in_trouble_before_all_but_what_is_on_the_air(watched: Watched) -> None:
    watched.canaries = [missed()]
    watched.round()
    (message,) = watched.world.store.outbox.list(MessageFilter(client=ALARMS))[0]
    assert (message.to, message.modem, message.lane, message.report) == (PERSON, "sim2", Lane.OTP, False)
    watched.canaries = [replace(missed(), sender="sim2", receiver="sim1")]
    watched.round()
    assert [one.modem for one in watched.world.store.outbox.list(MessageFilter(client=ALARMS))[0]] == ["sim1", "sim2"]


def test_while_no_modem_can_send_it_waits_for_the_first_that_can(watched: Watched) -> None:
    watched.world.views = [ModemView("sim1", "absent", "unplugged")]
    watched.round()
    assert watched.round(60) == 1
    assert watched.texts() == []
    watched.world.views = [ModemView("sim1", "ready")]
    watched.round(15)
    (text,) = watched.texts()
    assert "CRITICAL: no modem can send: sim1 is absent (unplugged)" in text


def test_many_are_gathered_and_what_is_more_than_people_should_get_waits(tmp_path: Path) -> None:
    watched = Watched(tmp_path, SMS + "most_per_hour = 1\n")
    watched.canaries = [missed(), replace(missed(), sender="sim2", receiver="sim1")]
    assert watched.round() == 2
    (both,) = watched.texts()
    assert both.count("WARNING") == 2
    watched.canaries.append(replace(missed(), receiver="sim3"))
    assert watched.round(60) == 1
    assert len(watched.texts()) == 1
    watched.round(3540)
    assert "sim3" in watched.texts()[1]
    watched.world.close()


def test_what_gets_worse_is_told_at_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 200_000_000

    class Disk:
        f_frsize = 1

        @property
        def f_bavail(self) -> int:
            return free

    monkeypatch.setattr("gateway.store.database.os.statvfs", lambda _: Disk())
    assert watched.round() == 1
    free = 10
    assert watched.round(15) == 1
    assert [view.alarm.severity.value for view in watched.alarms.views()] == ["critical"]


def test_a_clock_that_is_set_makes_nothing_wait_longer(watched: Watched) -> None:
    """A Raspberry Pi learns the time a minute after its start, and somebody is woken for a queue of two days."""
    world = watched.world
    world.post("/v1/messages", {"to": PERSON, "text": "Hello"})
    for step in (2 * 86_400, -3 * 86_400):
        world.clock.step_wall(step)
        assert watched.round(15) == 0
    world.clock.advance(1800 - 30)
    assert watched.round(1) == 1
    assert watched.events() == [("alarm.raised", "queue:normal")]
    assert "been waiting for 30 min, longer" in watched.alarms.views()[0].alarm.what


@pytest.mark.parametrize("organisation", ["Example Bank", "[Example] Bank {of €}", "Пример Банк", "Bank 🏦🏦🏦"])
def test_an_alarm_is_never_more_than_two_parts(watched: Watched, organisation: str) -> None:
    watched.alarms.use(watched.world.config.alarms, organisation)
    watched.canaries = [replace(missed(), receiver=f"sim{place}") for place in range(2, 9)]
    watched.round()
    (message,) = watched.world.store.outbox.list(MessageFilter(client=ALARMS))[0]
    assert message.parts == 2
    (text,) = watched.texts()
    assert text.startswith(f"Simwire ({organisation}): WARNING")
    assert text.endswith("...")
    assert len(segment(f"{text}1234").segments) == 3, "no more goes"


def test_what_people_know_is_not_told_again_after_a_restart_and_its_end_is(watched: Watched) -> None:
    watched.canaries = [missed()]
    watched.round()
    watched.alarms = watched.made()
    assert [view.alarm.key for view in watched.alarms.views()] == ["canary:sim1>sim2"]
    assert watched.round(15) == 0
    watched.canaries = []
    assert [watched.round(15), watched.round(60)] == [0, 1]


def test_where_nobody_is_to_be_told_nothing_waits_to_be(tmp_path: Path) -> None:
    """Events alone count against no limit of messages to people, and a restart does not raise them again."""
    watched = Watched(tmp_path, "[alarms]\nmost_per_hour = 1\nwaits = {otp = 0}\n")
    watched.canaries = [missed()]
    assert watched.round() == 1
    watched.canaries.append(replace(missed(), receiver="sim3"))
    assert watched.round(15) == 1
    watched.alarms = watched.made()
    assert watched.round(15) == 0
    watched.world.close()


def test_its_messages_are_nobodys(watched: Watched) -> None:
    watched.canaries = [missed()]
    watched.round()
    store = watched.world.store
    assert store.stats.window(3600, watched.world.clock.now()).every.total == 0
    assert watched.world.ask("GET", "/v1/messages").get_json()["items"] == []


def test_the_api_lists_them_and_tests_the_ways(watched: Watched) -> None:
    watched.world.alarms = watched.alarms
    watched.canaries = [missed()]
    watched.round()
    (listed,) = watched.world.ask("GET", "/v1/alarms").get_json()["items"]
    assert (listed["alarm"], listed["severity"]) == ("canary:sim1>sim2", "warning")
    tested = watched.world.ask("POST", "/v1/alarms/test", {}).get_json()["items"]
    assert [(one["channel"], one["works"]) for one in tested] == [("events", True), ("sms", True)]
    assert "this is a test" in watched.texts()[1]
    assert watched.world.ask("GET", "/v1/alarms", scopes=("messages:read",)).status_code == 403


# -- mail -------------------------------------------------------------------------------------------------------------


class Mailbox(Message):
    """Keeps what a mail server took."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []
        self.refuse: str | None = None
        self.unknown: str | None = None
        self.farewell = "221 Bye"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == self.unknown:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return self.refuse or "250 OK"

    async def handle_QUIT(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return self.farewell

    def handle_message(self, message: email.message.Message) -> None:
        self.mails.append(cast(EmailMessage, email.message_from_bytes(message.as_bytes(), policy=email.policy.default)))


def mail(folder: Path, server: Controller, more: str = "") -> str:
    return (
        '[alarms]\nemail_to = ["ops@example.com"]\nemail_from = "simwire@example.com"\n'
        f'smtp = {{host = "127.0.0.1", port = {server.port}, {more}}}\n'
    )


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[Controller]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=0)
    controller.port = _free_port()
    controller.start()
    yield controller
    controller.stop()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_mail_says_what_happened_and_what_to_do(tmp_path: Path, server: Controller, mailbox: Mailbox) -> None:
    watched = Watched(tmp_path, mail(tmp_path, server, 'security = "none"'))
    watched.canaries = [missed()]
    watched.round()
    for _ in range(500):
        if mailbox.mails:
            break
        assert watched.world.mailer._thread is not None
        watched.world.mailer._thread.join(0.01)
    watched.world.mailer.stop()
    (told,) = mailbox.mails
    assert told["To"] == "ops@example.com"
    assert told["Auto-Submitted"] == "auto-generated"
    assert "Simwire (Example Bank): WARNING: the message that sim1 sent" in told["Subject"]
    assert "docs/modems.md tells what it may be" in told.get_content()
    watched.world.close()


def test_a_server_that_refuses_or_is_away_is_told_in_words(
    tmp_path: Path, server: Controller, mailbox: Mailbox
) -> None:
    mailbox.refuse = "550 no such user"
    watched = Watched(tmp_path, mail(tmp_path, server, 'security = "none"'))
    (_, refused) = watched.alarms.test()
    assert not refused.works
    assert "it refuses the recipients (550)" in refused.detail
    assert "ops@" not in refused.detail
    elsewhere = SmtpConfig(host="127.0.0.1", port=_free_port(), security="none")
    with pytest.raises(MailError, match="Connection refused"):
        Mailer(watched.world.config.alarms.model_copy(update={"smtp": elsewhere})).send("a", "b")
    watched.world.close()


def test_without_starttls_at_the_server_nothing_is_said_in_clear_text(
    tmp_path: Path, server: Controller, mailbox: Mailbox
) -> None:
    watched = Watched(tmp_path, mail(tmp_path, server, 'security = "starttls"'))
    (_, trial) = watched.alarms.test()
    assert "check smtp.security" in trial.detail
    assert mailbox.mails == []
    watched.world.close()


def test_a_password_goes_over_tls_to_a_server_with_a_trusted_certificate(tmp_path: Path, mailbox: Mailbox) -> None:
    pem = pems.make("mail", hosts=("127.0.0.1",))
    pem.write(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    given: list[bytes] = []

    def authenticate(_server: object, _session: object, _envelope: object, mechanism: str, data: object) -> AuthResult:
        given.append(data.password)  # type: ignore[attr-defined]
        return AuthResult(success=mechanism in {"PLAIN", "LOGIN"})

    server = Controller(
        mailbox, hostname="127.0.0.1", port=_free_port(), tls_context=context, auth_required=True,
        authenticator=authenticate,
    )  # fmt: skip
    server.start()
    try:
        (tmp_path / "smtp.password").write_text("open sesame\n", encoding="utf-8")
        settings = 'user = "simwire", password_file = "smtp.password"'
        trusting = Watched(tmp_path, mail(tmp_path, server, settings + ', ca_file = "cert.pem"'))
        (_, trial) = trusting.alarms.test()
        assert trial.works, trial.detail
        assert given == [b"open sesame"]
        doubting = Mailer(trusting.world.config.alarms.model_copy(
            update={"smtp": trusting.world.config.alarms.smtp.model_copy(update={"ca_file": None})}  # type: ignore[union-attr]
        ))  # fmt: skip
        with pytest.raises(MailError, match="its certificate is not trusted"):
            doubting.send("a", "b")
        trusting.world.close()
    finally:
        server.stop()


def test_a_mail_that_some_may_not_get_goes_to_the_others_and_is_told(
    tmp_path: Path, server: Controller, mailbox: Mailbox
) -> None:
    mailbox.unknown = "gone@example.com"
    watched = Watched(tmp_path, mail(tmp_path, server, 'security = "none"').replace(
        '["ops@example.com"]', '["gone@example.com", "ops@example.com"]'
    ))  # fmt: skip
    (_, trial) = watched.alarms.test()
    assert (trial.works, "refuses 1 of 2 addresses (550)" in trial.detail) == (False, True), trial
    assert len(mailbox.mails) == 1
    watched.world.close()


def test_no_character_of_a_password_is_told(tmp_path: Path, mailbox: Mailbox) -> None:
    pem = pems.make("mail", hosts=("127.0.0.1",))
    pem.write(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = Controller(mailbox, hostname="127.0.0.1", port=_free_port(), tls_context=context, auth_required=True)
    server.start()
    try:
        (tmp_path / "smtp.password").write_text("open s\u00e9same", encoding="utf-8")
        settings = 'user = "simwire", password_file = "smtp.password", ca_file = "cert.pem"'
        watched = Watched(tmp_path, mail(tmp_path, server, settings))
        (_, trial) = watched.alarms.test()
        assert (trial.works, "ASCII only" in trial.detail) == (False, True)
        assert "xe9" not in trial.detail
        assert "\u00e9" not in trial.detail
        watched.world.close()
    finally:
        server.stop()


def test_a_server_that_has_taken_a_mail_gets_it_once(tmp_path: Path, server: Controller, mailbox: Mailbox) -> None:
    mailbox.farewell = "451 not now"
    watched = Watched(tmp_path, mail(tmp_path, server, 'security = "none"'))
    (_, trial) = watched.alarms.test()
    assert trial.works, trial.detail
    watched.world.close()


def test_who_is_written_to_no_more_gets_nothing_that_waited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    away = (
        '[alarms]\nemail_to = ["ops@example.com"]\nemail_from = "simwire@example.com"\n'
        f'smtp = {{host = "127.0.0.1", port = {_free_port()}, security = "none"}}\n'
    )
    watched = Watched(tmp_path, away)
    mailer = Mailer(watched.world.config.alarms, again=(0.01,) * 1000)
    mailer.post("a", "b")
    assert mailer.busy
    mailer.use(AlarmsConfig())
    for _ in range(500):
        if not mailer.busy:
            break
        assert mailer._thread is not None
        mailer._thread.join(0.01)
    assert not mailer.busy
    assert "defect" not in caplog.text
    mailer.stop()
    watched.world.close()


# -- what has not reached anybody -------------------------------------------------------------------------------------


def test_what_a_restart_kept_from_people_is_told_again(watched: Watched) -> None:
    watched.world.views = [ModemView("sim1", "paused")]
    watched.canaries = [missed()]
    assert watched.round() == 1
    assert watched.texts() == []
    watched.alarms = watched.made()
    watched.world.views = [ModemView("sim1", "ready")]
    assert watched.round(15) == 1
    (text,) = watched.texts()
    assert "WARNING: the message that sim1 sent" in text
    watched.alarms = watched.made()
    assert watched.round(15) == 0


def test_a_mail_that_was_not_taken_before_a_restart_is_sent_by_the_next_run(tmp_path: Path) -> None:
    port = _free_port()
    settings = (
        '[alarms]\nemail_to = ["ops@example.com"]\nemail_from = "simwire@example.com"\nrepeat = 0\n'
        f'smtp = {{host = "127.0.0.1", port = {port}, security = "none"}}\n'
    )
    watched = Watched(tmp_path, settings)
    watched.canaries = [missed()]
    assert watched.round() == 1
    watched.world.mailer.stop()
    watched.alarms = watched.made()
    assert watched.round(15) == 1
    watched.world.close()


def test_what_waited_for_a_modem_over_a_weekend_is_one_message(watched: Watched) -> None:
    watched.world.views = [ModemView("sim1", "absent", "unplugged")]
    watched.round()
    for _ in range(12):
        watched.round(14_400)
    assert watched.texts() == []
    watched.world.views = [ModemView("sim1", "ready")]
    watched.round(15)
    watched.round(15)
    (text,) = watched.texts()
    assert text.count("no modem can send") == 1
