"""PDUs of real devices, networks and independent encoders: every entry of the folder that SIMWIRE_VECTORS names."""

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

import pytest

from hardware.errors import DecodeError
from hardware.pdu import (
    AbsoluteValidity,
    Address,
    Alphabet,
    DataCodingScheme,
    DeliverPdu,
    EnhancedValidity,
    InformationElement,
    RelativeValidity,
    Segment,
    StatusReportPdu,
    SubmitPdu,
    UserData,
    UserDataHeader,
    Validity,
    WaitingIndication,
    decode_incoming,
    gsm7,
    segment,
)

Entry = dict[str, Any]
Fields = dict[str, Any]


def address_of(number: str, toa: int | None) -> Address:
    if toa is None:
        return Address.parse(number)
    if toa >> 4 & 7 == 5:
        return Address.named(number)
    return Address(number.lstrip("+"), toa >> 4 & 7, toa & 0x0F)


def header_of(inputs: Entry) -> UserDataHeader | None:
    elements = tuple(InformationElement(e["id"], bytes.fromhex(e["data"])) for e in inputs.get("udh", []))
    return UserDataHeader(elements) if elements else None


def validity_of(inputs: Entry) -> Validity | None:
    if "vp_relative" in inputs:
        return RelativeValidity(inputs["vp_relative"])
    if "vp_absolute" in inputs:
        return AbsoluteValidity.at(datetime.fromisoformat(inputs["vp_absolute"]))
    if "vp_enhanced_hex" in inputs:
        return EnhancedValidity(bytes.fromhex(inputs["vp_enhanced_hex"]))
    return None


def bodies_of(inputs: Entry) -> list[Segment]:
    coding, header = DataCodingScheme(inputs["dcs"]), header_of(inputs)
    tables = inputs.get("national_locking", 0), inputs.get("national_single", 0)
    if "data_hex" in inputs:
        return [Segment(Alphabet.OCTETS, bytes.fromhex(inputs["data_hex"]), header)]
    if "concat_ref" in inputs:
        encoding: Literal["gsm7", "ucs2"] = "ucs2" if coding.alphabet is Alphabet.UCS2 else "gsm7"
        bits = inputs["concat_ref_bits"]
        cut = segment(
            inputs["text"], encoding=encoding, reference=inputs["concat_ref"], reference_bits=bits, national=tables
        )
        return list(cut.segments)
    if coding.alphabet is Alphabet.UCS2:
        return [Segment(Alphabet.UCS2, inputs["text"].encode("utf-16-be"), header)]
    return [Segment(Alphabet.GSM7, gsm7.encode(inputs["text"], locking=tables[0], single=tables[1]), header)]


@pytest.mark.vectors("submit")
def test_submit_is_encoded_to_the_very_octets(entry: Entry) -> None:
    inputs = entry["inputs"]
    centre = Address.parse(inputs["smsc"]) if inputs.get("smsc") else None
    encoded = [
        SubmitPdu(
            address_of(inputs["to"], inputs.get("da_toa")),
            body,
            protocol_identifier=inputs.get("pid", 0),
            data_coding=DataCodingScheme(inputs["dcs"]),
            validity=validity_of(inputs),
            status_report_request=inputs.get("srr", False),
            reject_duplicates=inputs.get("rd", False),
            reply_path=inputs.get("rp", False),
            message_reference=inputs.get("mr", 0),
        ).encode(centre)
        for body in bodies_of(inputs)
    ]
    assert [(p.hex if entry["smsc_prefix"] else p.hex[2:], p.tpdu_length) for p in encoded] == [
        (p["pdu"], p["tpdu_length"]) for p in entry["pdus"]
    ]


@pytest.mark.vectors("submit")
def test_submit_is_decoded_and_encoded_again(entry: Entry) -> None:
    texts = []
    for expected in entry["pdus"]:
        pdu = SubmitPdu.decode(expected["pdu"], service_centre_prefix=entry["smsc_prefix"])
        again = pdu.encode().hex
        assert (again if entry["smsc_prefix"] else again[2:]) == expected["pdu"]
        assert pdu.message_reference == entry["inputs"].get("mr", 0)
        texts.append(pdu.body.text)
    if "text" in entry["inputs"]:
        assert "".join(text or "" for text in texts) == entry["inputs"]["text"]


def check_header(fields: Fields, data: UserData) -> None:
    expected = fields.get("udh")
    found = data.header
    assert (expected is None) == (found is None)
    if expected is not None and found is not None:
        assert [{"id": e.id, "data": e.data.hex().upper()} for e in found.elements] == expected
        assert fields.get("national", {"locking": 0, "single": 0}) == {
            "locking": found.locking_table,
            "single": found.single_table,
        }
    part = data.concatenation
    assert fields.get("concat") == (
        part
        and {
            "ref": part.reference,
            "ref_bits": part.bits,
            "total": part.total,
            "seq": part.sequence,
            "valid": part.valid,
        }
    )
    assert fields.get("ports") == (data.ports and {"dst": data.ports.destination, "src": data.ports.source})


def check_content(fields: Fields, data: UserData) -> None:
    assert data.data_coding.value == fields["dcs"]
    assert data.length == fields["udl"]
    name = "reserved" if data.data_coding.reserved else data.alphabet.value
    assert name == fields["alphabet"]
    assert data.data_coding.message_class == fields["message_class"]
    assert data.data_coding.mwi == waiting(fields.get("mwi"))
    check_header(fields, data)
    assert data.lone_surrogate == fields.get("lone_surrogate", False)
    assert data.odd_length == fields.get("odd_ucs2", False)
    if fields.get("text") is not None:
        assert data.text == fields["text"]
    else:
        assert data.text is None or data.lone_surrogate or data.odd_length
    if "data" in fields:
        assert data.data == bytes.fromhex(fields["data"])


def waiting(expected: Entry | None) -> WaitingIndication | None:
    if expected is None:
        return None
    coding = {"voicemail": 0, "fax": 1, "email": 2, "other": 3}[expected["type"]]
    group = 0xD0 if expected["group"] == "store" else 0xC0
    return DataCodingScheme(group | (8 if expected["active"] else 0) | coding).mwi


def check_centre(fields: Fields, centre: Address | None) -> None:
    assert (None if centre is None else centre.number) == fields.get("smsc")
    if centre is not None:
        assert centre.type_of_address == fields["smsc_toa"]


def moment(expected: str | None) -> datetime | None:
    return None if expected is None else datetime.fromisoformat(expected)


def same_moment(found: datetime | None, expected: str | None) -> bool:
    wanted = moment(expected)
    return (found and (found, found.utcoffset())) == (wanted and (wanted, wanted.utcoffset()))


@pytest.mark.vectors("submit_decode")
def test_foreign_submit_is_read(entry: Entry) -> None:
    fields = entry["fields"]
    pdu = SubmitPdu.decode(entry["pdu"], service_centre_prefix=entry["smsc_prefix"])
    check_centre(fields, pdu.service_centre)
    assert (pdu.destination.number, pdu.destination.type_of_address) == (fields["da"], fields["da_toa"])
    assert pdu.data_coding is not None
    check_content(fields, UserData(pdu.data_coding, pdu.body.header, pdu.body.content, fields["udl"]))
    found = (pdu.reject_duplicates, pdu.status_report_request, pdu.reply_path, pdu.message_reference)
    assert found == (fields["rd"], fields["srr"], fields["reply_path"], fields["mr"])
    assert pdu.protocol_identifier == fields["pid"]
    kinds = {
        "none": type(None),
        "relative": RelativeValidity,
        "absolute": AbsoluteValidity,
        "enhanced": EnhancedValidity,
    }
    assert isinstance(pdu.validity, kinds[fields["vpf"]])
    if isinstance(pdu.validity, RelativeValidity):
        assert pdu.validity.octet == fields["vp"]
    if isinstance(pdu.validity, AbsoluteValidity):
        assert same_moment(pdu.validity.moment, fields["vp"])


@pytest.mark.vectors("deliver")
def test_deliver_is_read(entry: Entry) -> None:
    fields = entry["fields"]
    pdu = decode_incoming(entry["pdu"], service_centre_prefix=entry["smsc_prefix"])
    assert isinstance(pdu, DeliverPdu)
    check_centre(fields, pdu.service_centre)
    assert (pdu.originator.number, pdu.originator.type_of_address) == (fields["oa"], fields["oa_toa"])
    assert pdu.protocol_identifier == fields["pid"]
    assert same_moment(pdu.timestamp, fields["scts"])
    assert pdu.timestamp_raw == bytes.fromhex(fields["scts_raw"])
    found = (not pdu.more_messages, pdu.status_report_indication, pdu.reply_path)
    assert found == (fields["mms"], fields["sri"], fields["reply_path"])
    assert pdu.trailing == bytes.fromhex(fields.get("trailing", ""))
    check_content(fields, pdu.user_data)


@pytest.mark.vectors("status_report")
def test_status_report_is_read(entry: Entry) -> None:
    fields = entry["fields"]
    pdu = decode_incoming(entry["pdu"], service_centre_prefix=entry["smsc_prefix"])
    assert isinstance(pdu, StatusReportPdu)
    check_centre(fields, pdu.service_centre)
    assert (pdu.recipient.number, pdu.recipient.type_of_address) == (fields["ra"], fields["ra_toa"])
    assert (pdu.reference, pdu.status.value) == (fields["mr"], fields["st"])
    assert same_moment(pdu.timestamp, fields["scts"])
    assert same_moment(pdu.discharge, fields["dt"])
    assert pdu.timestamp_raw == bytes.fromhex(fields["scts_raw"])
    assert pdu.discharge_raw == bytes.fromhex(fields["dt_raw"])
    assert (not pdu.more_messages, pdu.for_command) == (fields["mms"], fields["srq"])
    assert pdu.trailing == bytes.fromhex(fields.get("trailing", ""))


@pytest.mark.vectors("malformed")
def test_malformed_is_refused_or_read_but_never_breaks_anything(entry: Entry) -> None:
    decode = decode_incoming if entry["direction"] == "mt" else SubmitPdu.decode
    prefix = entry.get("smsc_prefix", True)
    if entry["expect"] == "reject":
        with pytest.raises(DecodeError) as caught:
            decode(entry["pdu"], service_centre_prefix=prefix)
        assert caught.value.field
        assert 0 <= caught.value.octet <= len(entry["pdu"]) // 2
        return
    with suppress(DecodeError):
        decode(entry["pdu"], service_centre_prefix=prefix)


@pytest.mark.vectors("gsm7")
def test_septets_are_packed_and_unpacked(entry: Entry) -> None:
    septets = gsm7.encode(entry["text"])
    packed = bytes.fromhex(entry["packed"])
    # A note of one entry: its last octet is spare.
    assert gsm7.pack(septets, entry["fill_bits"]) == packed[: (7 * len(septets) + entry["fill_bits"] + 7) // 8]
    assert len(septets) == entry["septets"]
    assert gsm7.decode(gsm7.unpack(packed, entry["septets"], entry["fill_bits"])) == entry["text"]


@pytest.mark.vectors("segmentation")
def test_text_is_cut_as_expected(entry: Entry) -> None:
    cut = segment(entry["text_full"], reference=1, reference_bits=entry["concat_ref_bits"])
    assert cut.alphabet.value == entry["encoding"]
    assert [part.units for part in cut.segments] == entry["units_per_part"]
    assert len(cut.segments) == entry["parts"]
