"""Templates: their notation, what each must say, and a folder of one's own over the shipped ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import ConfigError, load
from gateway.messages import Secret
from gateway.refusals import InvalidInput
from gateway.templates import FIELDS, PURPOSES, TemplateError, compile_text, languages, load_all, load_locale
from gateway.texts import Order, Texts
from tests.gateway.world import World

BASE = '[gateway]\norganisation = "Example Bank"\ncountry = "GB"\n[[modem]]\nport = "simulator"\n'
GOOD = "{code}: {organisation}. Asked {time}, valid till {until}. Never share it."
BASQUE = '[words]\noperation = "ordainketa"\nwarning = ["inoiz partekatu"]\n' + "".join(
    f'[{purpose}]\ntexts = ["{{code}}: {{organisation}} {{time}}-{{until}}.'
    f'{" {operation} {amount} {payee}." if purpose == "transaction" else ""} Ez inoiz partekatu."]\n'
    for purpose in PURPOSES
)
ASKED = datetime(2026, 7, 1, 8, 58, tzinfo=UTC).timestamp()
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files of a folder `templates` and a configuration beside it that names the folder."""

    def files(otp: str = "", **sources: str) -> Path:
        folder = tmp_path / "templates"
        folder.mkdir(exist_ok=True)
        for name, source in sources.items():
            (folder / f"{name}.toml").write_text(source, encoding="utf-8")
        path = tmp_path / "simwire.toml"
        path.write_text(f'{BASE}[otp]\ntemplates = "templates"\n{otp}', encoding="utf-8")
        return path

    return files


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems


def one(name: str, *texts: str) -> str:
    return f"[{name}]\ntexts = [\n" + "".join(f"  '''{text}''',\n" for text in texts) + "]\n"


def wrong(text: str, name: str = "login") -> str:
    with pytest.raises(TemplateError) as caught:
        load_locale("en", one(name, text), load_all()["en"])
    return "\n".join(caught.value.problems)


# -- notation and rules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{organisation} {time} {until} never share", "must show {code}"),
        ("{code} {organisation} {time} never share", "must show {until}"),
        ("{code} {time} {until} never share", "must show {organisation}"),
        ("{code} {organisation} {until} never share", "must show {time}"),
        ("hello", "must show {code}, {organisation}, {time}, {until}"),
        ("{code} {code} {organisation} {time} {until} never share", "{code} exactly once, not 2 times"),
        ("The code that you asked for is {code} {organisation} {time} {until} never share", "{code} early"),
        ("{time} {code} {organisation} {until} never share", "{code} early"),
        ("{code} {organisation} {time} {until} keep it", "never to share the code, in one of the phrases of [words]"),
        ("{code} {organisation} {time} {until}[ {payee} never share]", "never to share"),
        ("{code} {organisation} {time} {until} never{payee}share", "never to share"),
        ("{code} {organisation} {time}[ {until}] never share", "{until} must not stand in […]"),
        ("{code} {organisation} {time} {until} {payee} never share", "{payee} may be missing and must stand in […]"),
        (
            "{code} {organisation} {time} {until} {name} never share",
            "there is no field {name}; there are {amount}, {co",
        ),
        ("{code} {organisation} {time} {until} [", "[ without its other half"),
        ("{code} {organisation} {time} {until} ]", "] without its other half"),
        ("{code} {organisation} {time} {until} [[x]]", "[ without its other half"),
        ("{code} {organisation} {time} {until} {", "{ without its other half"),
        ("{code} {organisation} {time} {until}\n never share", "one line"),
        ("{code} {organisation} {time} {until} never share https://example.com", "no link"),
        ("{code} {organisation} {time} {until} never share, see www.example.com", "no link"),
    ],
)
def test_texts_that_are_refused(text: str, why: str) -> None:
    problem = wrong(text)
    assert problem.startswith("en.login[0]: ")
    assert why in problem


def test_a_transaction_template_must_show_the_transaction() -> None:
    assert "must show {amount}, {operation}, {payee}" in wrong(GOOD, "transaction")
    assert "{payee} must not stand in […]" in wrong(GOOD + " {operation} {amount}[ {payee}]", "transaction")


def test_everything_that_is_wrong_with_a_text_is_told() -> None:
    found = wrong("Please use this number: {code}{code} {payee}")
    for piece in ("{organisation}, {time}, {until}", "2 times", "{payee} may be missing", "never to share"):
        assert piece in found


def test_the_last_of_several_texts_may_leave_out_when_it_was_asked_for() -> None:
    short = "{code}: {organisation} till {until}. Never share it."
    assert len(load_locale("en", one("login", GOOD, short), load_all()["en"]).texts["login"]) == 2
    with pytest.raises(TemplateError, match=r"en\.login\[0\]: must show \{time\}"):
        load_locale("en", one("login", short, GOOD), load_all()["en"])


@given(st.text("{}[]abc codepayetimuntl", max_size=60))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    try:
        template = compile_text(text)
    except TemplateError:
        return
    assert template.fields <= FIELDS
    filled = template.render(dict.fromkeys(FIELDS, "~"))
    assert filled.count("~") == sum(isinstance(piece, tuple) for piece in template.pieces)
    assert not set(filled) & set("[]{}")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("[login", "eu.toml: is not valid TOML"),
        ("words = 1", "eu.words: write a table"),
        ('[words]\noperation = 1\nwarning = ["never share"]', "eu.words.operation"),
        ('[words]\noperation = "x"\nwarning = "never share"', "eu.words.warning"),
        ('[words]\noperation = "x"\nwarning = []', "eu.words.warning"),
        ('[words]\noperation = "x"\nwarning = ["no"]', "eu.words.warning: a list of phrases of 5 characters or more"),
        ('[words]\nsign = "x"', "eu.words.sign: no such key; there are operation, warning"),
        ("[login]\ntext = 'x'", "eu.login: write texts = ["),
        ("[login]\ntexts = []", "eu.login: write texts = ["),
        ("[login]\ntexts = 'x'", "eu.login: write texts = ["),
        ("login = 'x'", "eu.login: write texts = ["),
        ("[login]\ntexts = ['x']\nnote = 1", "eu.login.note: no such key; there is texts"),
        ("[Login]\ntexts = ['x']", "eu.Login: a template's name has small letters"),
        (one("login", GOOD), "eu: a new language must have every template; missing: transaction, password_change"),
    ],
)
def test_files_that_are_refused(source: str, why: str) -> None:
    with pytest.raises(TemplateError) as caught:
        load_locale("eu", source)
    assert any(problem.startswith(why) for problem in caught.value.problems), caught.value.problems


# -- a folder of one's own --------------------------------------------------------------------------------------------


def composed(path: Path, order: Order) -> str:
    config = load(path)
    texts = Texts("Example Bank", "GB", "Europe/London", config.otp.locale, config.otp.templates)
    return texts.compose(order, Secret("012345"), ASKED, ASKED + 300).text.reveal()


def test_a_file_puts_its_texts_in_place_of_the_shipped_ones(write: Write) -> None:
    path = write(en=one("login", GOOD))
    assert composed(path, Order("login")) == "012345: Example Bank. Asked 09:58, valid till 10:03. Never share it."
    assert "to confirm your number" in composed(path, Order("signup"))
    assert "code de connexion" in composed(path, Order("login", "fr"))


def test_a_territory_takes_the_place_of_its_language_only_there(write: Write) -> None:
    own = "{code}: {organisation}, {time}, vale até {until}. Nunca a compartilhe."
    brazil = '[words]\nwarning = ["nunca a compartilhe"]\n' + one("login", own)
    path = write(pt_BR=brazil)
    assert "compartilhe" in composed(path, Order("login", "pt-BR"))
    assert "compartilhe" not in composed(path, Order("login", "pt-PT"))
    assert "compartilhe" not in composed(path, Order("login", "pt"))
    assert "mudar a senha" in composed(path, Order("password_change", "pt_BR"))


def test_a_territory_builds_on_the_language_of_the_same_folder(write: Write) -> None:
    changed = GOOD.replace("Asked", "Wanted")
    path = write(en=one("login", GOOD) + one("signup", changed), en_GB=one("login", changed))
    assert "Wanted" in composed(path, Order("login"))  # the organisation's own territory
    assert "Asked" in composed(path, Order("login", "en-US"))
    assert "Wanted" in composed(path, Order("signup", "en-GB"))


def test_a_template_of_ones_own(write: Write) -> None:
    path = write(en=one("parcel", GOOD + " For {payee}[, ref. {reference}]."))
    assert composed(path, Order("parcel", payee="Ann")).endswith("For Ann.")
    assert composed(path, Order("parcel", payee="Ann", reference="7")).endswith("For Ann, ref. 7.")
    with pytest.raises(InvalidInput, match=r"context\.payee: is required: the template parcel shows it"):
        composed(path, Order("parcel"))
    with pytest.raises(InvalidInput, match="there are: login, transaction, password_change, signup, custom, parcel"):
        composed(path, Order("letter"))


def test_a_template_that_only_the_default_language_has_is_written_in_it(write: Write) -> None:
    config = load(write(en=one("parcel", GOOD)))
    texts = Texts("Example Bank", "GB", "Europe/London", "en", config.otp.templates)
    sent = texts.compose(Order("parcel", "fr"), Secret("012345"), ASKED, ASKED + 300)
    assert sent.text.reveal().startswith("012345: Example Bank. Asked")
    assert sent.warnings == ("template: none named parcel in fr; written in en",)


def test_a_new_language(write: Write) -> None:
    path = write('locale = "eu"\n', eu=BASQUE)
    order = Order("transaction", payee="Denda", amount=Decimal("49.90"), currency="EUR")
    assert composed(path, order) == ("012345: Example Bank 09:58-10:03. ordainketa 49,90 € Denda. Ez inoiz partekatu.")
    assert "eu" in languages(path.parent / "templates")
    assert load(path).otp.locale == "eu"


def test_what_the_api_is_asked_for_comes_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "en.toml").write_text(one("parcel", GOOD + " For {payee}."), encoding="utf-8")
    world = World(tmp_path, '[otp]\ntemplates = "templates"\n')
    try:
        wanted = {"to": "+447700900123", "purpose": "custom", "template": "parcel", "context": {"payee": "Ann"}}
        answer = world.post("/v1/otp", wanted)
        assert answer.status_code == 202
        assert world.sent_text(answer.get_json()["message_id"]).endswith("For Ann.")
        for body, field in (
            ({**wanted, "context": None}, "context.payee"),
            ({**wanted, "template": "letter"}, "template"),
            (
                {**wanted, "purpose": "transaction", "context": {"payee": "A", "amount": 1, "currency": "EUR"}},
                "template",
            ),
        ):
            refused = world.post("/v1/otp", body)
            assert refused.status_code == 422
            assert [error["field"] for error in refused.get_json()["errors"]] == [field]
    finally:
        world.close()


def test_every_problem_of_every_file_is_told_with_the_key(write: Write) -> None:
    path = write(
        'lenght = 6\nlocale = "eu"\n',
        **{
            "en": one("login", GOOD, "{code} {nme}") + one("signup", "{code}"),
            "eu": one("login", GOOD),
            "fr": "[login",
            "pt-BR": one("login", GOOD),
            "xx": BASQUE,
            "ja_JP": BASQUE,
        },
    )
    found = problems(path)
    assert "otp.lenght: no such key; did you mean length?" in found
    told = "\n".join(found)
    for line in (
        "otp.templates: en.login[1]: there is no field {nme}; there are {amount}, {code}, {date}, {operation}, ",
        "otp.templates: en.signup[0]: must show {organisation}, {time}, {until}",
        'otp.templates: en.signup[0]: must say never to share the code, in one of the phrases of [words] warning: "',
        "otp.templates: eu.words.operation: ",
        "otp.templates: eu.words.warning: ",
        "otp.templates: eu: a new language must have every template",
        "otp.templates: fr.toml: is not valid TOML",
        "otp.templates: pt-BR.toml: name it LANG.toml or LANG_TT.toml",
        "otp.templates: xx.toml: xx is no language",
        "otp.templates: ja_JP.toml: there are no usable texts in ja; begin with ja.toml",
    ):
        assert line in told
    assert len(found) == 11


def test_a_folder_that_is_not_there_or_empty(write: Write, tmp_path: Path) -> None:
    path = write()
    (problem,) = problems(path)
    assert problem.startswith(f"otp.templates: {tmp_path / 'templates'} holds no file named LANG.toml or LANG_TT.toml")
    (tmp_path / "templates").rmdir()
    assert problems(path) == [f"otp.templates: {tmp_path / 'templates'} is no folder"]
    path.write_text(f"{BASE}[otp]\ntemplates = 5\n", encoding="utf-8")
    assert problems(path) == ["otp.templates: a path in quotes"]


def test_files_that_cannot_be_read(write: Write, tmp_path: Path) -> None:
    path = write()
    (tmp_path / "templates" / "en.toml").mkdir()
    (tmp_path / "templates" / "fr.toml").write_bytes(b"\xff")
    assert problems(path) == [
        "otp.templates: en.toml: cannot be read: Is a directory",
        "otp.templates: fr.toml: is not UTF-8",
    ]


def test_a_locale_needs_texts(write: Write) -> None:
    (problem,) = problems(write('locale = "ja"\n', en=one("login", GOOD)))
    assert problem.startswith(
        "otp.locale: 'ja' is no locale with texts; there are ar, de, en, es, fr, it, nl, pl, pt, tr"
    )
