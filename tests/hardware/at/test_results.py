"""Final results and what their codes call for."""

from __future__ import annotations

import pytest

from hardware.at.results import ErrorClass, FinalKind, classify, cme_class, cme_meaning, cms_class, cms_meaning


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("OK", FinalKind.OK, None),
        ("ERROR", FinalKind.ERROR, None),
        ("+CMS ERROR: 38", FinalKind.CMS, 38),
        ("+CMS ERROR:38", FinalKind.CMS, 38),
        ("+CMS ERROR: 302 (operation not allowed)", FinalKind.CMS, 302),
        ("+CMS ERROR: (U)SIM not inserted", FinalKind.CMS, 310),
        ("+CMS ERROR: Unknown error", FinalKind.CMS, 500),
        ("+CMS ERROR: no network service", FinalKind.CMS, 331),
        ("+CME ERROR: SIM busy", FinalKind.CME, 14),
        ("+CME ERROR: sim PUK required", FinalKind.CME, 12),
        ("+CME ERROR: incorrect password", FinalKind.CME, 16),
        ("+CME ERROR: raspberries", FinalKind.CME, None),
        ("+CME ERROR:", FinalKind.CME, None),
        ("+CME ERROR", FinalKind.CME, None),
        ("NO DIALTONE", FinalKind.CALL, None),
        ("CONNECT 9600", FinalKind.CALL, None),
        ("COMMAND NOT SUPPORT", FinalKind.ERROR, None),
    ],
)
def test_final_results(line: str, kind: FinalKind, code: int | None) -> None:
    result = classify(line)
    assert result is not None
    assert (result.kind, result.code) == (kind, code)
    assert result.ok is (kind is FinalKind.OK)


@pytest.mark.parametrize(
    "line", ["OK see you", "OKAY", "ERRORS", "ok", "+CMS ERRORS: 1", "BUSY BEE", "+CMTI: 1", "0", ""]
)
def test_what_is_none(line: str) -> None:
    assert classify(line) is None


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        (
            (17, 21, 22, 27, 38, 41, 42, 47, 98, 111, 127, 192, 194, 212, 255, 301, 314, 2, 126, 512, 515, 999),
            ErrorClass.RETRY,
        ),
        ((8, 10, 28, 29, 50, 69, 193), ErrorClass.OTHER_MODEM),
        ((1, 30, 81, 95, 96, 97, 99, 160, 161, 170, 175, 176, 195, 196, 303, 304), ErrorClass.PERMANENT),
        ((208, 209, 210, 211, 302, 305, 310, 311, 316, 320, 322, 330, 331), ErrorClass.RECOVER),
        ((128, 130, 137, 143, 144, 145, 150, 159, 198, 199), ErrorClass.ADAPT),
        ((332, 350, 500, 400, None), ErrorClass.UNCERTAIN),
        ((197,), ErrorClass.ACCEPTED),
    ],
)
def test_classes_of_message_service_errors(codes: tuple[int | None, ...], wanted: ErrorClass) -> None:
    assert {code: cms_class(code) for code in codes} == dict.fromkeys(codes, wanted)


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ((14, 100, 256, 515, 600), ErrorClass.RETRY),
        ((103, 111, 113, 257), ErrorClass.OTHER_MODEM),
        ((4, 24, 50), ErrorClass.PERMANENT),
        ((0, 3, 10, 11, 12, 13, 16, 30, 32, 40), ErrorClass.RECOVER),
        ((31, 200, None), ErrorClass.UNCERTAIN),
    ],
)
def test_classes_of_equipment_errors(codes: tuple[int | None, ...], wanted: ErrorClass) -> None:
    assert {code: cme_class(code) for code in codes} == dict.fromkeys(codes, wanted)


def test_words_stand_in_for_a_code_and_a_family_may_say_otherwise() -> None:
    assert cms_class(None, "+CMS ERROR: SIM busy") is ErrorClass.RETRY
    assert cms_class(None, "memory full") is ErrorClass.RECOVER
    assert cme_class(None, "+CME ERROR: odd") is ErrorClass.UNCERTAIN
    assert cms_class(516, overrides={516: ErrorClass.PERMANENT}) is ErrorClass.PERMANENT
    assert cms_class(517, overrides={516: ErrorClass.PERMANENT}) is ErrorClass.RETRY


def test_meanings() -> None:
    assert cms_meaning(330) == "SMSC address unknown"
    assert cme_meaning(13) == "SIM failure"
    assert cms_meaning(None) == "no code given"
    assert cme_meaning(4711) == "vendor code"
