"""Tables as people store them, and texts with gaps."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.failure import Failure
from gateway.cli.sheet import Row, Template, read_rows
from tests.gateway.world import NUMBER, OTHER

HELLO = Template("Dear {name}, see you {day}.")


def stored(folder: Path, octets: bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(octets)
    return path


def seen(rows: list[Row]) -> list[tuple[int, str, str | None]]:
    return [(row.place, row.number, row.problem or row.text.reveal()) for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_table_is_read_however_it_was_stored(tmp_path: Path, delimiter: str, encoding: str) -> None:
    lines = [["Name", "to", "name", "day"], ["x", NUMBER, "Zoë, née Ost", "Monday"], [], ["y", OTHER, "Jan", "Friday"]]
    text = "".join(delimiter.join(f'"{cell}"' if "," in cell else cell for cell in line) + "\r\n" for line in lines)
    prefix = b"\xff\xfe" if encoding == "utf-16-le" else b""
    path = stored(tmp_path, prefix + text.encode(encoding))

    assert seen(read_rows(path, HELLO)) == [
        (2, NUMBER, "Dear Zoë, née Ost, see you Monday."),
        (4, OTHER, "Dear Jan, see you Friday."),
    ]


def test_another_encoding_is_asked_for_and_can_be_named(tmp_path: Path) -> None:
    path = stored(tmp_path, f"to,name,day\n{NUMBER},Ann,Monday\n{OTHER},Zoë,Friday\n".encode("cp1252"))

    with pytest.raises(Failure, match=r"line 3 is not utf-8.*--csv-encoding cp1252"):
        read_rows(path, HELLO)
    assert "Zoë" in read_rows(path, HELLO, encoding="cp1252")[1].text.reveal()
    with pytest.raises(Failure, match="no encoding 'klingon'"):
        read_rows(path, HELLO, encoding="klingon")


def test_the_line_that_excel_puts_in_front_is_not_counted(tmp_path: Path) -> None:
    path = stored(tmp_path, f"sep=|\nto|name|day\n{NUMBER}|Ann|Monday\n".encode())

    assert seen(read_rows(path, HELLO)) == [(2, NUMBER, "Dear Ann, see you Monday.")]


def test_rows_that_cannot_be_sent_say_why_and_count_as_a_spreadsheet_does(tmp_path: Path) -> None:
    rows = (
        *("to,name,day", f'{NUMBER},"Ann\nMarie",Monday', ",Ann,Monday", f"{NUMBER},,Monday", f"{NUMBER},Ann"),
        *("4.47701E+11,Ann,Monday", f"{NUMBER},Ann,Monday,,", f"{NUMBER},Ann,on,Monday"),
    )
    found = seen(read_rows(stored(tmp_path, "\n".join(rows).encode()), HELLO))

    assert [place for place, _, _ in found] == [2, 3, 4, 5, 6, 7, 8]
    told = [words for _, _, words in found]
    assert told[0] == "Dear Ann\nMarie, see you Monday."
    assert told[1] == "no number in column 'to'"
    assert told[2] == "nothing in column 'name', which the text needs"
    assert told[3] == "nothing in column 'day', which the text needs"
    assert told[4] is not None
    assert "4.47701E+11" in told[4]
    assert told[5] == "Dear Ann, see you Monday."
    assert told[6] == "has 4 cells, and there are 3 columns: put what holds a delimiter in quotes"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "is empty"),
        ("to,nam,day\n1,a,b\n", "no column 'name', which the template names; did you mean 'nam'"),
        ("who,name,day\n1,a,b\n", "no column that is known as the numbers to send to; name it with --to-column"),
        ("to,phone,name,day\n1,1,a,b\n", "several columns that may be"),
        ("to,name,name,day\n1,a,a,b\n", "2 columns 'name'"),
        ('to,name,day\n1,"a,b\n', "row 2 cannot be read"),
    ],
)
def test_a_table_that_makes_no_sense_is_told(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(Failure, match=told):
        read_rows(stored(tmp_path, table.encode()), HELLO)


def test_the_column_of_numbers_can_be_named(tmp_path: Path) -> None:
    path = stored(tmp_path, f"home phone,office,name,day\n{NUMBER},{OTHER},Ann,Monday\n".encode())

    assert read_rows(path, HELLO, to_column="office")[0].number == OTHER


@pytest.mark.parametrize("text", ["Dear {", "Dear }", "Dear {}", "{name!r}", "{name:>10}", "{ }"])
def test_a_template_that_makes_no_sense_is_told(text: str) -> None:
    with pytest.raises(Failure, match="template"):
        Template(text)


def test_two_braces_are_one() -> None:
    assert Template("{{{a b}}}").filled({"a b": "x"}) == "{x}"


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.text(st.characters(codec="utf-8"), min_size=1)
        ),
        max_size=20,
    ),
    st.sampled_from(",;\t"),
)
def test_what_a_cell_holds_arrives_whatever_it_is(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("sheet") / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerow(("to", "what"))
        rows.writerows(people)
    found = read_rows(path, Template("<{what}>"))

    assert [row.number for row in found] == [number for number, _ in people]
    for row, (_, what) in zip(found, people, strict=True):
        if what.strip():
            assert row.text.reveal() == f"<{what.strip()}>"
        else:
            assert row.problem == "nothing in column 'what', which the text needs"
