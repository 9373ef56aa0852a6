"""Warnings about what texts may cost: few, true, and by the name of what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.text_warnings import text_warnings

ARABIC = "otp.templates: ar: its script forces UCS-2: 70 characters a part"
END = "Never share it."


def warnings(folder: Path, organisation: str = "Example Bank", otp: str = "", **files: str) -> list[str]:
    """What is told about a configuration, without the line that is there for every one: that Arabic is Arabic."""
    if files:
        (folder / "templates").mkdir()
        otp += 'templates = "templates"\n'
    for name, source in files.items():
        (folder / "templates" / f"{name}.toml").write_text(source, encoding="utf-8")
    path = folder / "simwire.toml"
    path.write_text(
        f'[gateway]\norganisation = "{organisation}"\ncountry = "GB"\n[[modem]]\nport = "simulator"\n[otp]\n{otp}',
        encoding="utf-8",
    )
    found = text_warnings(load(path))
    assert [line for line in found if line.startswith(ARABIC)] != []
    return [line for line in found if not line.startswith(ARABIC)]


@pytest.mark.parametrize("length", [6, 10])
def test_the_shipped_texts_give_one_line_and_it_is_about_arabic(tmp_path: Path, length: int) -> None:
    assert warnings(tmp_path, otp=f"length = {length}\n") == []


def test_a_name_that_makes_even_the_shortest_text_too_long(tmp_path: Path) -> None:
    found = warnings(tmp_path, "The Very Royal Building Society of Lincolnshire and Rutland")
    assert "otp.templates: en: even the shortest text may need 2 parts: transaction" in found
    assert all("even the shortest" in line for line in found)
    assert not any(line.startswith("gateway.organisation") for line in found)


def test_a_name_that_forces_ucs2_is_told_with_its_characters(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, "Łódź Bank")
    assert warning.startswith(
        'gateway.organisation: "Ł" (U+0141), "ó" (U+00F3), "ź" (U+017A) forces UCS-2: 70 characters'
    )
    assert warning.endswith('; where that saves a part, "Lodz Bank" is written')


def test_a_name_without_look_alikes(tmp_path: Path) -> None:
    name, *rest = warnings(tmp_path, "東京銀行")
    assert name.startswith('gateway.organisation: "東" (U+6771), "京"') and name.endswith("70 characters a part")
    assert any(line.startswith("otp.templates: de: even the shortest text may need 2 parts: login") for line in rest)


def test_a_character_of_a_text_is_named_with_its_place(tmp_path: Path) -> None:
    text = "{code}: hasło {organisation}. {time}, {until}. Nie podawaj nikomu."
    assert warnings(tmp_path, pl=f'[password_change]\ntexts = ["{text}", "{text.replace("ł", "l")}"]\n') == [
        'otp.templates: pl.password_change[0]: "ł" (U+0142) forces UCS-2: 70 characters a part'
    ]


def test_what_a_territory_takes_over_is_told_once(tmp_path: Path) -> None:
    text = "{code}: {organisation} – {time}, {until}. " + END
    found = warnings(tmp_path, en=f'[login]\ntexts = ["{text}"]\n', en_US=f'[parcel]\ntexts = ["{text}"]\n')
    assert found == [
        'otp.templates: en.login[0]: "–" (U+2013) forces UCS-2: 70 characters a part',
        'otp.templates: en_US.parcel[0]: "–" (U+2013) forces UCS-2: 70 characters a part',
    ]


def test_only_the_shortest_text_counts_and_with_what_it_cannot_do_without(tmp_path: Path) -> None:
    long, short = "{code}: {organisation} {time} {until} " + "x" * 160 + END, "{code}: {organisation} {until} " + END
    texts = f'[login]\ntexts = ["{long}", "{short}"]\n[signup]\ntexts = ["{long}"]\n'
    texts += f'[parcel]\ntexts = ["{{code}} {{organisation}} {{time}} {{until}} {{payee}} {"x" * 96} {END}"]\n'
    assert warnings(tmp_path, en=texts) == [
        "otp.templates: en: even the shortest text may need 2 parts: signup, parcel"
    ]


def test_a_code_that_comes_late_because_of_the_name(tmp_path: Path) -> None:
    text = f'[login]\ntexts = ["{{organisation}}: your code {{code}}, {{time}}, {{until}}. {END}"]\n'
    assert warnings(tmp_path, "Example Bank", en=text) == []
    (tmp_path / "templates" / "en.toml").unlink()
    (tmp_path / "templates").rmdir()
    assert warnings(tmp_path, "Example Building Society", en=text)[-1] == (
        "otp.templates: en.login[0]: with this organisation the code comes after 30 characters, where notifications "
        "may not show it"
    )
