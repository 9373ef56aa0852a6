"""Rates of numbers, addresses, keys and prefixes, and conversion: watched or enforced, remembered over a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.admission import Admission
from gateway.policy import KeyPolicy
from gateway.store import MessageFilter
from tests.gateway.world import EVERYTHING, NUMBER, OTHER, World

MakeWorld = Callable[..., World]
QUICK = '[otp]\ncooldown = ["0s"]\nmax_sends = 100\n'


def start(world: World, to: str = NUMBER, **more: Any) -> TestResponse:
    client = more.pop("client", "shop")
    return world.post("/v1/otp", {"to": to, "purpose": "login", **more}, client=client)


def send(world: World, to: object = NUMBER, **options: Any) -> TestResponse:
    return world.post("/v1/messages", {"to": to, "text": "hello"}, **options)


def refusal(answer: TestResponse) -> tuple[str, str, int]:
    assert answer.status_code == 429, answer.text
    problem = answer.get_json()
    return problem["code"], problem["detail"].partition(":")[0], int(answer.headers["Retry-After"])


def events(world: World, kind: str) -> list[dict[str, Any]]:
    found = world.store.events.after(0, 10_000)
    return [{**event.body, "of": event.client} for event in found if event.kind == kind]


def give_policy(world: World, client: str = "shop", **policy: Any) -> None:
    """The key that `client` asks with from now on."""
    _, key = world.store.keys.create(client, EVERYTHING, policy=KeyPolicy.model_validate(policy))
    world.keys[client, EVERYTHING] = key.reveal()


def restart(world: World) -> None:
    """Nothing is remembered but what is stored."""
    world.intake.admission = Admission(world.store, world.config, world.clock, lambda: world.views)


def test_a_fourth_code_to_one_number_is_refused_until_the_window_has_moved_on(make_world: MakeWorld) -> None:
    world = make_world(QUICK + '[limits.number]\nmode = "enforce"\n')
    for client in ("shop", "bank", "shop"):
        assert start(world, client=client).status_code == 202
        world.clock.advance(60)
    code, rule, wait = refusal(start(world))
    assert (code, rule) == ("number_rate", "[limits.number] 3/10m")
    assert 600 - 180 < wait <= 600 - 180 + 6
    assert start(world, OTHER).status_code == 202
    world.clock.advance(wait - 1)
    assert refusal(start(world, client="bank"))[2] == 1
    world.clock.advance(1)
    assert start(world, client="bank").status_code == 202


def test_the_rule_with_the_longest_wait_is_named(make_world: MakeWorld) -> None:
    world = make_world(QUICK + '[limits.number]\nrates = ["1/10m", "2/24h"]\nmode = "enforce"\n')
    start(world)
    assert refusal(start(world))[1] == "[limits.number] 1/10m"
    world.clock.advance(700)
    assert start(world).status_code == 202
    code, rule, wait = refusal(start(world))
    assert (code, rule) == ("number_rate", "[limits.number] 2/24h")
    assert wait > 85_000


def test_of_two_rules_the_one_with_the_longer_wait_is_named(make_world: MakeWorld) -> None:
    world = make_world(QUICK + '[limits.number]\nrates = ["1/10m"]\nmode = "enforce"\n')
    give_policy(world, rates=["1/1h"])
    assert start(world).status_code == 202
    assert refusal(start(world))[1] == "the rates of this key 1/1h"
    give_policy(world, rates=["1/1m"])
    assert start(world, OTHER).status_code == 202
    assert refusal(start(world))[1] == "[limits.number] 1/10m"


def test_codes_for_one_address_are_counted_where_it_is_told(make_world: MakeWorld) -> None:
    world = make_world('[limits.ip]\nrates = ["2/1h"]\nmode = "enforce"\n')
    for place, address in enumerate(("203.0.113.7", "203.0.113.7")):
        assert start(world, f"+44770090010{place}", end_user_ip=address).status_code == 202
    code, rule, _ = refusal(start(world, end_user_ip="203.0.113.7"))
    assert (code, rule) == ("ip_rate", "[limits.ip] 2/1h")
    assert refusal(start(world, end_user_ip="::ffff:203.0.113.7"))[0] == "ip_rate"
    assert start(world, end_user_ip="203.0.113.8").status_code == 202
    assert start(world, OTHER).status_code == 202


def test_a_whole_ipv6_network_is_one_address(make_world: MakeWorld) -> None:
    world = make_world('[limits.ip]\nrates = ["2/1h"]\nmode = "enforce"\n')
    for place in (1, 2):
        assert start(world, f"+44770090010{place}", end_user_ip=f"2001:db8::{place}").status_code == 202
    assert refusal(start(world, end_user_ip="2001:db8::ffff:1"))[0] == "ip_rate"
    assert start(world, end_user_ip="2001:db8:0:1::1").status_code == 202


def test_numbers_that_differ_in_their_last_digits_are_counted_together(make_world: MakeWorld) -> None:
    world = make_world('[limits.prefix]\ndigits = 3\nrates = ["3/10m"]\nmode = "enforce"\n')
    for place in range(3):
        assert start(world, f"+44770090010{place}").status_code == 202
    code, rule, _ = refusal(start(world, "+447700900999"))
    assert (code, rule) == ("prefix_rate", "[limits.prefix] 3/10m")
    assert start(world, "+447700901999").status_code == 202


def test_a_keys_own_rates_are_always_enforced_for_messages_and_codes(world: World) -> None:
    give_policy(world, rates=["3/1h"])
    otp = start(world).get_json()
    assert send(world).status_code == 202
    world.clock.advance(60)
    assert world.post(f"/v1/otp/{otp['id']}/resend").status_code == 202
    code, rule, wait = refusal(send(world))
    assert (code, rule) == ("key_rate", "the rates of this key 3/1h")
    assert refusal(start(world, OTHER))[0] == "key_rate"
    assert send(world, client="bank").status_code == 202
    world.clock.advance(wait)
    assert send(world).status_code == 202


def test_every_recipient_counts_and_all_are_taken_or_none(world: World) -> None:
    give_policy(world, rates=["5/1h"])
    numbers = [f"+44770090010{place}" for place in range(6)]
    assert send(world, numbers[:3]).status_code == 202
    assert refusal(send(world, numbers[:3]))[0] == "key_rate"
    assert send(world, numbers[:2]).status_code == 202
    refused = send(world, numbers)
    assert refusal(refused)[0] == "key_rate"
    assert "this request alone has 6: split it" in refused.get_json()["detail"]
    assert len(world.store.outbox.list(MessageFilter())[0]) == 5


def test_the_rates_of_all_keys_are_counted_for_each_key_alone(make_world: MakeWorld) -> None:
    world = make_world('[limits.key]\nrates = ["2/1m"]\nmode = "enforce"\n')
    for client in ("shop", "bank"):
        assert send(world, [NUMBER, OTHER], client=client).status_code == 202
    assert refusal(send(world))[:2] == ("key_rate", "[limits.key] 2/1m")


def test_sends_again_do_not_count_for_the_number(make_world: MakeWorld) -> None:
    world = make_world(QUICK + '[limits.number]\nrates = ["2/10m"]\nmode = "enforce"\n')
    otp = start(world).get_json()
    for _ in range(5):
        assert world.post(f"/v1/otp/{otp['id']}/resend").status_code == 202
    assert start(world).status_code == 202
    assert refusal(start(world))[0] == "number_rate"


def test_by_default_rates_are_watched_and_whoever_asks_is_told_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for client in "abcdef":
        answer = start(world, client=client)
        assert answer.status_code == 202
        assert answer.get_json()["warnings"] == ["to: possible but not a valid number of its country: check it"]
    (told,) = [event for event in events(world, "limit.exceeded") if event["rule"] == "[limits.number]"]
    assert {**told, "key_id": ""} == {
        "rule": "[limits.number]", "rate": "3/10m", "mode": "monitor", "code": "number_rate",
        "subject": "+447…123", "client": "d", "of": "d", "key_id": "",
    }  # fmt: skip
    lines = [record.getMessage() for record in caplog.records if "[limits.number]" in record.getMessage()]
    assert lines == ["limit [limits.number] 3/10m (monitor): +447…123; client d"]
    (prefix,) = [event for event in events(world, "limit.exceeded") if event["rule"] == "[limits.prefix]"]
    assert prefix["subject"] == "+44770090xxxx"
    assert NUMBER not in caplog.text


def test_once_in_every_window_is_told_again(world: World) -> None:
    for count in (1, 2):
        for client in "abcd":
            start(world, client=client)
        found = [event for event in events(world, "limit.exceeded") if event["rate"] == "3/10m"]
        assert len(found) == count
        world.clock.advance(700)


def test_an_event_shows_a_network_and_no_address(world: World) -> None:
    for place in range(11):
        start(world, f"+4477009001{place:02}", end_user_ip="203.0.113.77")
    (told,) = [event for event in events(world, "limit.exceeded") if event["rule"] == "[limits.ip]"]
    assert told["subject"] == "203.0.113.0/24"


def test_what_is_off_is_neither_refused_nor_told(make_world: MakeWorld) -> None:
    off = "".join(f'[limits.{name}]\nmode = "off"\n' for name in ("number", "ip", "key", "prefix", "conversion"))
    world = make_world(QUICK + off)
    for _ in range(30):
        assert start(world, end_user_ip="203.0.113.7").status_code == 202
        world.clock.advance(400)
    assert events(world, "limit.exceeded") == events(world, "limit.conversion") == []


def test_what_is_refused_by_another_rule_takes_no_place(make_world: MakeWorld) -> None:
    world = make_world('[limits.number]\nrates = ["2/10m"]\nmode = "enforce"\n')
    give_policy(world, rates=["2/10m"])
    start(world)
    for _ in range(5):
        assert refusal(start(world))[0] == "resend_too_soon"
    world.clock.advance(31)
    assert start(world).status_code == 202
    assert refusal(start(world))[0] in ("number_rate", "key_rate")
    assert start(world, client="bank", to=OTHER).status_code == 202


def test_a_request_that_is_made_again_takes_one_place(make_world: MakeWorld) -> None:
    world = make_world('[limits.number]\nrates = ["1/10m"]\nmode = "enforce"\n')
    body = {"to": NUMBER, "purpose": "login"}
    answers = [world.post("/v1/otp", body, headers={"Idempotency-Key": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.get_json()["id"] for answer in answers}) == 1


def test_two_at_once_cannot_both_take_the_last_place(make_world: MakeWorld) -> None:
    world = make_world('[limits.number]\nmode = "enforce"\n')
    clients = [f"c{place}" for place in range(8)]
    for client in clients:
        world.key(client)
    begin, taken = threading.Barrier(8), []

    def ask(client: str) -> None:
        begin.wait()
        taken.append(start(world, client=client).status_code)

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [202] * 3 + [429] * 5


@pytest.mark.parametrize(
    ("section", "code"), [("number", "number_rate"), ("prefix", "prefix_rate"), ("ip", "ip_rate"), ("key", "key_rate")]
)
def test_a_restart_forgets_nothing(make_world: MakeWorld, section: str, code: str) -> None:
    world = make_world(QUICK + f'[limits.{section}]\nrates = ["2/10m", "3/24h"]\nmode = "enforce"\n')
    for _ in range(2):
        assert start(world, end_user_ip="203.0.113.7").status_code == 202
        world.clock.advance(60)
    before = refusal(start(world, end_user_ip="203.0.113.7"))
    restart(world)
    after = refusal(start(world, end_user_ip="203.0.113.7"))
    assert (after[0], after[1]) == (before[0], before[1]) == (code, f"[limits.{section}] 2/10m")
    assert abs(after[2] - before[2]) <= 6
    world.clock.advance(600)
    assert start(world, end_user_ip="203.0.113.7").status_code == 202
    restart(world)
    assert refusal(start(world, end_user_ip="203.0.113.7"))[1] == f"[limits.{section}] 3/24h"


@pytest.mark.parametrize("section", ["number", "prefix", "ip", "key", "conversion"])
def test_a_restart_forgets_nothing_of_what_is_only_watched(make_world: MakeWorld, section: str) -> None:
    rule = "sends = 3" if section == "conversion" else 'rates = ["3/1h"]'
    world = make_world(QUICK + f'[limits.{section}]\n{rule}\nmode = "monitor"\n')
    for _ in range(3):
        assert start(world, end_user_ip="203.0.113.7").status_code == 202
    world.clock.advance(1200)  # codes are old enough to be judged

    def told() -> int:
        rates = [event for event in events(world, "limit.exceeded") if event["rule"] == f"[limits.{section}]"]
        return len(rates) + len(events(world, "limit.conversion"))

    assert told() == 0
    restart(world)
    assert start(world, end_user_ip="203.0.113.7").status_code == 202
    assert told() == 1


def test_a_restart_after_the_wall_clock_was_wrong_for_a_moment_forgets_nothing(make_world: MakeWorld) -> None:
    world = make_world(QUICK + '[limits.number]\nrates = ["3/1h"]\nmode = "enforce"\n')
    assert [start(world).status_code for _ in range(4)] == [202] * 3 + [429]
    world.clock.step_wall(-40 * 86_400)
    assert start(world, OTHER).status_code == 202
    world.clock.step_wall(40 * 86_400)
    restart(world)
    assert refusal(start(world))[0] == "number_rate"


def test_a_restart_forgets_nothing_of_a_keys_own_rates(world: World) -> None:
    give_policy(world, rates=["3/1h"])
    assert send(world, [NUMBER, OTHER]).status_code == 202
    restart(world)
    assert send(world).status_code == 202
    assert refusal(send(world))[0] == "key_rate"


def change_rates(world: World, *rates: str) -> None:
    """Give the key of `shop` other rates."""
    (info,) = [info for info in world.store.keys.list() if info.client == "shop"]
    policy = KeyPolicy.model_validate({"rates": rates})
    world.store.keys.change(info.id, lambda before: replace(before, policy=policy))


def test_rates_that_are_changed_and_changed_back_forget_nothing(world: World) -> None:
    give_policy(world, rates=["2/1h"])
    assert [send(world).status_code for _ in range(3)] == [202, 202, 429]
    world.clock.advance(3700)
    change_rates(world, "5/1h")
    assert [send(world).status_code for _ in range(6)] == [202] * 5 + [429]
    change_rates(world, "2/1h")
    assert refusal(send(world))[1] == "the rates of this key 2/1h"
    change_rates(world, "6/1h")
    assert [send(world).status_code for _ in range(2)] == [202, 429]


def test_keys_beyond_those_in_memory_are_counted_by_what_is_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.guard.MOST_KEYS", 1)
    for client in ("shop", "bank"):
        give_policy(world, client, rates=["2/1h"])
    for status in (202, 202, 429):
        assert [send(world, client=client).status_code for client in ("shop", "bank")] == [status] * 2


def test_a_key_does_not_wait_while_what_another_one_sent_is_read(world: World) -> None:
    for client in ("shop", "bank"):
        give_policy(world, client, rates=["2/1h"])
    assert send(world, client="bank").status_code == 202
    by_key, other = world.store.usage.by_key, threading.Thread(target=send, args=(world,), kwargs={"client": "bank"})

    def slow(*arguments: Any) -> Any:
        other.start()
        other.join(10)
        assert not other.is_alive()
        return by_key(*arguments)

    world.store.usage.by_key = slow  # type: ignore[method-assign]
    assert send(world).status_code == 202


def test_conversion_alarms_where_nobody_types_the_codes_in(world: World) -> None:
    for place in range(20):
        start(world, f"+4477009001{place:02}")
    world.clock.advance(500)
    start(world)
    assert events(world, "limit.conversion") == []
    world.clock.advance(700)
    assert start(world).status_code == 202
    (told,) = events(world, "limit.conversion")
    assert (told["prefix"], told["sends"], told["approved"], told["of"]) == ("+44770090xxxx", 21, 0, "shop")


ENFORCED = QUICK + '[limits.conversion]\nsends = 4\nleast = 0.5\nwindow = "1h"\nmode = "enforce"\n'


def typed_in(world: World, to: str) -> None:
    otp = start(world, to).get_json()
    code = world.code(otp["message_id"])
    assert world.post(f"/v1/otp/{otp['id']}/check", {"code": code}).get_json()["result"] == "approved"


def test_a_prefix_that_does_not_convert_is_shut_until_it_recovers(make_world: MakeWorld) -> None:
    world = make_world(ENFORCED)
    typed_in(world, "+447700900101")
    for place in range(3):
        world.clock.advance(36)
        assert start(world, f"+44770090011{place}").status_code == 202
    world.clock.advance(400)
    code, rule, wait = refusal(start(world))
    assert (code, rule) == ("conversion_low", "[limits.conversion]")
    assert start(world, "+447700910123").status_code == 202
    restart(world)
    assert refusal(start(world))[:2] == (code, rule)
    world.clock.advance(wait - 1)
    assert refusal(start(world))[0] == code
    world.clock.advance(37)
    assert start(world).status_code == 202


def test_a_prefix_that_converts_stays_open(make_world: MakeWorld) -> None:
    world = make_world(ENFORCED)
    for place in range(2):
        typed_in(world, f"+44770090010{place}")
        start(world, f"+44770090011{place}")
    world.clock.advance(400)
    assert start(world).status_code == 202
    restart(world)
    assert start(world, OTHER).status_code == 202


def test_a_code_that_is_typed_in_late_opens_its_prefix_again(make_world: MakeWorld) -> None:
    world = make_world(ENFORCED.replace("sends = 4", "sends = 3"))
    otps = [start(world, f"+44770090010{place}", lifetime=600).get_json() for place in range(3)]
    world.clock.advance(400)
    assert refusal(start(world))[0] == "conversion_low"
    for otp in otps[:2]:
        world.post(f"/v1/otp/{otp['id']}/check", {"code": world.code(otp["message_id"])})
    assert start(world).status_code == 202


def test_short_codes_have_no_prefix_and_only_go_where_a_key_allows_them(make_world: MakeWorld) -> None:
    world = make_world('[limits.prefix]\nrates = ["1/10m"]\nmode = "enforce"\n')
    refused = send(world, "888")
    assert (refused.status_code, refused.get_json()["code"]) == (403, "short_code_not_allowed")
    give_policy(world, short_codes=True)
    assert send(world, "888").status_code == 202
    assert start(world, "888").status_code == 202
    assert start(world, "118118").status_code == 202
    give_policy(world)
    assert send(world, "888").status_code == 403


@pytest.mark.parametrize(
    ("countries", "number", "status"),
    [
        (["FR"], "+33612345678", 202),
        (["FR"], NUMBER, 403),
        (["GB"], "+447797712345", 202),
        (["GB!"], "+447797712345", 403),
        (["JE"], "+447797712345", 202),
        (["JE"], NUMBER, 403),
        (["US"], "+12015550123", 403),
    ],
)
def test_a_keys_countries_narrow_those_of_the_gateway(
    make_world: MakeWorld, countries: list[str], number: str, status: int
) -> None:
    world = make_world('[limits]\nallowed_countries = ["GB", "FR"]\n')
    give_policy(world, countries=countries)
    answer = send(world, number)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.get_json()["code"] == "country_not_allowed"


def test_premium_rate_is_denied_to_every_key(world: World) -> None:
    give_policy(world, countries=["GB"], short_codes=True)
    refused = send(world, "+449012345678")
    assert (refused.status_code, refused.get_json()["code"]) == (403, "premium_rate_not_allowed")
