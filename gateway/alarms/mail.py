"""E-mail to people: the only import of smtplib. A thread of its own, so that a mail server holds up nothing."""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import closing, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from gateway.config import AlarmsConfig, SmtpConfig

log = logging.getLogger("simwire.alarms")

TIMEOUT = 20.0  # seconds for each answer of the mail server
AGAIN = (30.0, 120.0, 600.0, 1800.0)  # seconds between tries to hand a mail over; after the last it is given up
MOST_WAITING = 50  # mails that wait for a server that is away; the oldest goes first


class MailError(Exception):
    """A mail could not be handed over; the text says why, and what to do."""


class Mailer:
    """Hands mails to the configured server, in order, with retries. `again`: seconds between tries."""

    def __init__(self, config: AlarmsConfig, again: tuple[float, ...] = AGAIN) -> None:
        self._config, self._again = config, again
        self._waiting: deque[tuple[str, str]] = deque(maxlen=MOST_WAITING)
        self._busy = False
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._begun = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to write to."""
        return bool(self._config.email_to)

    @property
    def busy(self) -> bool:
        """Whether a mail waits that the server has neither taken nor refused for good."""
        return self._busy

    def use(self, config: AlarmsConfig) -> None:
        """Go by another configuration from now on; from any thread."""
        self._config = config

    def stop(self) -> None:
        """End; what waits is dropped, as the next start tells it again where it still is an alarm."""
        self._stopped.set()
        self._woken.set()
        with self._begun:
            thread = self._thread
        if thread is not None:
            thread.join(1.0)

    def post(self, subject: str, text: str) -> None:
        """Send a mail as soon as the server takes it; returns at once."""
        with self._begun:
            self._waiting.append((subject, text))
            self._busy = True
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="alarm-mail", daemon=True)
                self._thread.start()
        self._woken.set()

    def send(self, subject: str, text: str) -> str | None:
        """Send a mail now; where some of its addresses were refused and others not, words about that.

        Raises MailError.
        """
        config = self._config  # one throughout: a reload may come
        smtp, sender = config.smtp, config.email_from
        if smtp is None or sender is None or not config.email_to:
            raise MailError("nobody is to be written to any more")
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = subject, sender, ", ".join(config.email_to)
        mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid(domain=sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        try:
            with closing(_connected(smtp)) as server:
                password = smtp.password()
                if smtp.user is not None and password is not None:
                    server.login(smtp.user, password.reveal())
                refused = server.send_message(mail)
                with suppress(OSError):  # it has the mail, whatever becomes of the farewell
                    server.quit()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailError(f"{smtp.host} port {smtp.used_port}: {_said(error)}") from None
        if not refused:
            return None
        return (
            f"{smtp.host} refuses {len(refused)} of {len(config.email_to)} addresses ({_codes(refused)}), and has "
            "taken it for the others; check email_to"
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.wait()
            self._woken.clear()
            while (mail := self._next()) is not None and not self._stopped.is_set():
                self._deliver(*mail)

    def _next(self) -> tuple[str, str] | None:
        with self._begun:
            self._busy = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, subject: str, text: str) -> None:
        for wait in (*self._again, None):
            try:
                if not self.wanted:  # since a reload
                    return
                refused = self.send(subject, text)
            except MailError as error:
                log.error("an alarm could not be sent by e-mail: %s", error)
                if wait is None or self._stopped.wait(wait):
                    return
            except Exception:
                log.exception("a defect of the program: an alarm was not sent by e-mail")
                return
            else:
                log.info("an alarm was sent by e-mail")
                if refused is not None:
                    log.error("an alarm was not sent to everybody by e-mail: %s", refused)
                return


def _connected(smtp: SmtpConfig) -> smtplib.SMTP:
    """A connection to the server, as safe as it is configured; raises OSError, SMTPException."""
    context = ssl.create_default_context(cafile=None if smtp.ca_file is None else str(smtp.ca_file))
    if smtp.security == "tls":
        return smtplib.SMTP_SSL(smtp.host, smtp.used_port, timeout=TIMEOUT, context=context)
    server = smtplib.SMTP(smtp.host, smtp.used_port, timeout=TIMEOUT)
    if smtp.security == "starttls":
        try:
            server.starttls(context=context)
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
    return server


def _said(error: Exception) -> str:
    """What went wrong, without addresses: those are personal data."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refuses the recipients ({_codes(error.recipients)}); check email_to and email_from"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refuses user and password ({error.smtp_code}); check smtp.user and smtp.password_file"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answers {error.smtp_code}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{error}; check smtp.security"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); set smtp.ca_file where it is one of your own"
    if isinstance(error, UnicodeError):  # its words hold a character of the password
        return "user and password may hold ASCII only; have them changed"
    return str(error) or type(error).__name__


def _codes(refused: Mapping[str, tuple[int, bytes]]) -> str:
    return ", ".join(sorted({str(code) for code, _ in refused.values()}))
