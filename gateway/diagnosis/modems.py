"""A modem that nobody uses, from its name to its delivery reports."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.diagnosis.findings import Check, Verdict
from gateway.messages import masked
from hardware.modem import CardSight, Checkup, MessageSight, RadioSight, Registration

_FEWEST_TRIES = 2  # a PIN is not written by the gateway with fewer left
_NEARLY_FULL = 0.8
_CLOCK_APART = 300.0  # seconds between our clock and the network's from which people are told
_LIMITS, _LIMITS_LTE = (-97, -105), (-112, -120)  # dBm below which it is weak, very weak: RSSI or RSCP, and RSRP
_IMEI, _ICCID = 14, 18  # digits that count: without the check digits at the end
_NEVER_SET = 365  # days: a clock that far off was never set
_RADIO_ON = 1
_SEARCHING = 2


def modem_checks(checkup: Checkup, subject: str, now: float, *, pin_configured: bool) -> list[Check]:
    """What a look at one modem says; `now` is Unix time in seconds by this machine's clock."""
    card, radio, messages = checkup.card, checkup.radio, checkup.messages
    checks = [_modem(checkup, subject), _sim(card, subject, pin_configured=pin_configured), _tries(card, subject)]
    checks += [_radio(radio, subject), _registration(card, radio, subject), _signal(radio, subject)]
    checks += [_networks(radio, subject)] if radio.networks is not None else []
    checks += [_centre(card, messages, subject), _storage(messages, subject), _pdu_mode(messages, subject)]
    return [*checks, _reports(messages, subject), _link(messages, subject), _clock(checkup.clock, now, subject)]


def same_modem(checkup: Checkup, imei: str | None, iccid: str | None) -> bool | None:
    """Whether it is the one with these; None where none is given or told. Check digits do not count."""
    who = checkup.identity
    asked = [(imei, who.imei, _IMEI), (iccid, who.iccid, _ICCID)]
    known = [want[:length] == have[:length] for want, have, length in asked if want and have]
    return all(known) if known else None


def identity_check(checkup: Checkup, subject: str, imei: str | None, iccid: str | None) -> list[Check]:
    """Whether the modem at a port is the one that a configuration means; nothing where that says none."""
    same = same_modem(checkup, imei, iccid)
    if same is None:
        return []
    if same:
        return [Check("identity", subject, Verdict.OK, "it is the modem with the SIM that the configuration means")]
    return [
        Check(
            "identity", subject, Verdict.FAIL, "another modem or another SIM than the configured one answers here",
            "put the right one in, or correct `imei` and `iccid` of this modem; the gateway looks for the right one at "
            "every port",
        )
    ]  # fmt: skip


def _modem(checkup: Checkup, subject: str) -> Check:
    who, told = checkup.identity, checkup.capabilities
    name = " ".join(word for word in (who.manufacturer, who.model) if word) or "a modem that does not tell its name"
    facts = {
        "manufacturer": who.manufacturer,
        "model": who.model,
        "revision": who.revision,
        "imei": masked(who.imei) if who.imei else None,
        "family": checkup.profile.name,
        "character_sets": list(checkup.messages.character_sets),
    }
    words = f"{name}, IMEI {facts['imei'] or 'not told'}, family {checkup.profile.name}"
    if told and "+CGSM" not in told:
        return Check(
            "modem", subject, Verdict.WARN, f"{words}; it does not say that it is one for GSM or what followed it",
            "a CDMA modem cannot be used; if messages go through, this does not matter", facts,
        )  # fmt: skip
    return Check("modem", subject, Verdict.OK, words, None, facts)


def _sim(card: CardSight, subject: str, *, pin_configured: bool) -> Check:
    facts = {"state": card.state, "number": masked(card.number) if card.number else None}
    if card.state is None:
        return Check(
            "sim", subject, Verdict.FAIL, f"no SIM that can be used: {card.said}",
            "put a SIM in, or take it out, clean its contacts and put it back the right way round; try it in a phone",
            facts,
        )  # fmt: skip
    if card.open:
        own = f"; its number is {facts['number']}" if facts["number"] else ""
        return Check("sim", subject, Verdict.OK, f"the SIM is open{own}", None, facts)
    if card.state == "SIM PIN":
        return Check(
            "sim", subject, Verdict.WARN if pin_configured else Verdict.FAIL,
            "the SIM asks for its PIN; none was entered, so the network could not be looked at",
            "`simwire serve` enters the PIN of `pin_file`, once" if pin_configured else
            "put the PIN into a file that only the gateway can read and set `pin_file` of this modem (`simwire init` "
            "does), or turn the PIN off in a phone",
            facts,
        )  # fmt: skip
    if "PUK" in card.state:
        return Check(
            "sim", subject, Verdict.FAIL, f"the SIM is blocked: it asks for {card.state.removeprefix('SIM ')}",
            "put the SIM in a phone and enter the PUK from the operator's letter; ten wrong ones end the card",
            facts,
        )  # fmt: skip
    if card.state.startswith("PH-"):
        return Check(
            "sim", subject, Verdict.FAIL, "the modem is locked to an operator or another SIM",
            "use a SIM of the operator that sold the modem, or have the modem unlocked", facts,
        )  # fmt: skip
    return Check("sim", subject, Verdict.FAIL, f"the SIM says {card.state}", "try the SIM in a phone", facts)


def _tries(card: CardSight, subject: str) -> Check:
    tries = card.tries
    facts = {} if tries is None else {"pin": tries.pin, "puk": tries.puk}
    if tries is None or tries.pin is None:
        return Check("pin_tries", subject, Verdict.SKIP, "the modem does not tell how many PIN tries are left")
    puk = f", {tries.puk} of the PUK" if tries.puk is not None else ""
    words = f"{tries.pin} PIN tries are left{puk}; this command spends none"
    if tries.pin < _FEWEST_TRIES and not (card.open and tries.pin):
        return Check(
            "pin_tries", subject, Verdict.FAIL, words,
            "the gateway never spends the last try: enter the right PIN in a phone, which restores them", facts,
        )  # fmt: skip
    if tries.pin <= _FEWEST_TRIES:
        return Check(
            "pin_tries", subject, Verdict.WARN, words,
            "a wrong PIN was entered before: enter the right one in a phone, which restores the tries", facts,
        )  # fmt: skip
    return Check("pin_tries", subject, Verdict.OK, words, None, facts)


def _radio(radio: RadioSight, subject: str) -> Check:
    facts = {"functionality": radio.functionality}
    if radio.functionality in (None, _RADIO_ON):
        words = "the radio is on" if radio.functionality else "the modem does not tell whether its radio is on"
        return Check("radio", subject, Verdict.OK, words, None, facts)
    return Check(
        "radio", subject, Verdict.WARN, f"the radio is off (+CFUN: {radio.functionality})",
        "nothing: `simwire serve` switches it on. By hand: AT+CFUN=1", facts,
    )  # fmt: skip


def _registration(card: CardSight, radio: RadioSight, subject: str) -> Check:
    told = radio.registration
    facts = {
        "status": told.meaning if told else None,
        "operator": radio.operator,
        "roaming": told.roaming if told else None,
    }
    if told is not None and told.sms_possible:
        where = f" with {radio.operator}" if radio.operator else ""
        if told.roaming:
            return Check(
                "registration", subject, Verdict.WARN, f"{told.meaning}{where}",
                "messages cost what roaming costs, and some plans send none abroad", facts,
            )  # fmt: skip
        return Check("registration", subject, Verdict.OK, f"{told.meaning}{where}", None, facts)
    if not card.open:
        return Check("registration", subject, Verdict.SKIP, "not looked at: the SIM is not open", None, facts)
    if told is None:
        return Check(
            "registration", subject, Verdict.WARN, "the modem does not tell whether it is registered",
            "send a test message: --send-to NUMBER", facts,
        )  # fmt: skip
    return Check("registration", subject, Verdict.FAIL, f"not on a network: {told.meaning}", _join(told), facts)


def _join(told: Registration) -> str:
    if told.denied:
        return (
            "the network refuses this SIM: ask the operator whether it is active and may be used in this modem; try it "
            "in a phone. --networks lists who is in reach"
        )
    if told.stat == _SEARCHING:
        return "wait a minute and look again; then check antenna and place. --networks lists who is in reach"
    return "check the antenna, the place, and that the SIM's operator has a network here that this modem can use"


def _signal(radio: RadioSight, subject: str) -> Check:
    facts = {"dbm": radio.signal_dbm, "kind": "rsrp" if radio.lte else "rssi"}
    if radio.signal_dbm is None:
        return Check(
            "signal", subject, Verdict.WARN, "no signal is measured",
            "check the antenna and its plug; move the modem to a window, on a USB extension lead", facts,
        )  # fmt: skip
    kind = " (RSRP of LTE)" if radio.lte else ""
    words = f"{radio.signal_dbm} dBm{kind}"
    weak, very_weak = _LIMITS_LTE if radio.lte else _LIMITS
    if radio.signal_dbm >= weak:
        return Check("signal", subject, Verdict.OK, f"{words}: good enough", None, facts)
    grade = "weak" if radio.signal_dbm >= very_weak else "very weak"
    return Check(
        "signal", subject, Verdict.WARN, f"{words}: {grade}, so that messages may take several attempts",
        "move the modem to a window, on a USB extension lead, or give it another antenna", facts,
    )  # fmt: skip


def _networks(radio: RadioSight, subject: str) -> Check:
    found = radio.networks or ()
    words = ", ".join(f"{name} ({availability})" for name, availability in found) or "none"
    return Check(
        "networks", subject, Verdict.OK if found else Verdict.FAIL, f"networks in reach: {words}",
        None if found else "check the antenna and the place: a phone at the same spot shows what is there",
        {"networks": [{"name": name, "availability": availability} for name, availability in found]},
    )  # fmt: skip


def _centre(card: CardSight, messages: MessageSight, subject: str) -> Check:
    centre = messages.centre
    facts = {"number": masked(centre) if centre else None}
    if centre:
        return Check("service_centre", subject, Verdict.OK, f"the service centre is {masked(centre)}", None, facts)
    if not card.open:
        return Check("service_centre", subject, Verdict.SKIP, "not looked at: the SIM is not open", None, facts)
    if centre is None:
        return Check("service_centre", subject, Verdict.SKIP, "the modem does not tell its service centre", None, facts)
    return Check(
        "service_centre", subject, Verdict.FAIL, "no service centre (SMSC) is set in the SIM: nothing can be sent",
        "ask the operator for its SMSC number and set it as `smsc` of this modem", facts,
    )  # fmt: skip


def _storage(messages: MessageSight, subject: str) -> Check:
    levels = messages.storages
    facts = {"memories": [{"name": one.memory, "used": one.used, "total": one.total} for one in levels]}
    if not levels:
        return Check("storage", subject, Verdict.SKIP, "the modem does not tell how full its message storage is")
    words = ", ".join(f"{one.memory} {one.used} of {one.total}" for one in levels)
    if any(one.total and one.used >= _NEARLY_FULL * one.total for one in levels):
        return Check(
            "storage", subject, Verdict.WARN,
            f"the message storage is nearly full or full ({words}): then no message and no report comes in",
            "`simwire serve` reads received messages out and deletes them; delete what stays (drafts, sent ones) in "
            "a phone",
            facts,
        )  # fmt: skip
    return Check("storage", subject, Verdict.OK, f"messages stored: {words}", None, facts)


def _pdu_mode(messages: MessageSight, subject: str) -> Check:
    facts = {"pdu_mode": messages.pdu_mode}
    if messages.pdu_mode is False:
        return Check(
            "pdu_mode", subject, Verdict.FAIL, "the modem has no PDU mode (+CMGF), the only one that can be used",
            "take another modem", facts,
        )  # fmt: skip
    words = "the modem takes PDU mode" if messages.pdu_mode else "the modem does not tell whether it takes PDU mode"
    return Check("pdu_mode", subject, Verdict.OK, words, None, facts)


def _reports(messages: MessageSight, subject: str) -> Check:
    routes = [route.value for route in messages.routes]
    facts = {"routes": routes, "told_by_modem": messages.routes_told}
    if not routes:
        return Check(
            "reports", subject, Verdict.WARN, "the modem can announce no delivery reports (+CNMI)",
            "messages are sent all the same and stay `sent`; take another modem where you must know what arrived",
            facts,
        )  # fmt: skip
    source = "" if messages.routes_told else " (by what its family does: it does not tell)"
    return Check("reports", subject, Verdict.OK, f"delivery reports: {', '.join(routes)}{source}", None, facts)


def _link(messages: MessageSight, subject: str) -> Check:
    facts = {"kept": messages.keeps_link}
    words = (
        "keeps the link to the network between messages"
        if messages.keeps_link
        else ("makes a link for each message anew, so that many at once take longer")
    )
    return Check("link", subject, Verdict.OK, f"the modem {words}", None, facts)


def _clock(told: datetime | None, now: float, subject: str) -> Check:
    ours = datetime.fromtimestamp(now, UTC)
    if told is None or told.tzinfo is None or abs((told - ours).days) > _NEVER_SET:
        return Check("clock", subject, Verdict.SKIP, "the modem has no clock that was set by the network")
    apart = abs((told - ours).total_seconds())
    facts = {"seconds_apart": round(apart)}
    if apart > _CLOCK_APART:
        return Check(
            "clock", subject, Verdict.WARN,
            f"this machine's clock and the modem's are {round(apart / 60)} minutes apart; texts of codes tell the time",
            "set up NTP on this machine (timedatectl set-ntp true); the gateway goes by the machine's clock alone",
            facts,
        )  # fmt: skip
    return Check("clock", subject, Verdict.OK, "the modem's clock agrees with this machine's", None, facts)
