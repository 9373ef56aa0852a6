"""Wrong codes in a row, counted per client and number over challenges: locked for a while, then stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.store import Keep, Store
from hardware.clock import FakeClock
from tests.gateway.test_api_otp import LOGIN, check, start, wrong
from tests.gateway.world import NUMBER, OTHER, World

QUICK = '[otp]\ncooldown = ["0s"]\nmax_sends = 100\n'


def guess(world: World, times: int, **options: object) -> list[dict[str, object]]:
    """So many wrong codes, over as many challenges as that takes; the newest answer of each check."""
    answers: list[dict[str, object]] = []
    otp: dict[str, object] | None = None
    while len(answers) < times:
        if otp is None:
            world.clock.advance(301)  # the locked challenge before it is over
            otp = start(world, LOGIN, **options)
        code = wrong(world.code(str(otp["message_id"])))
        answer = world.post(f"/v1/otp/{otp['id']}/check", {"code": code}, **options).get_json()
        answers.append(answer)
        if answer["attempts_left"] == 0:
            otp = None
    return answers


def test_ten_wrong_codes_lock_the_number_for_half_an_hour(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK)
    assert {answer["result"] for answer in guess(world, 10)} == {"wrong_code"}
    world.clock.advance(301)
    refused = world.post("/v1/otp", LOGIN)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "number_locked")
    wait = int(refused.headers["Retry-After"])
    assert 1490 < wait <= 1500
    world.clock.advance(wait)
    assert start(world)["attempts_left"] == 5


def test_a_locked_number_is_neither_judged_nor_sent_to_under_an_open_challenge(
    make_world: Callable[..., World],
) -> None:
    world = make_world(QUICK + "lock_after = 3\n")
    other = start(world, {**LOGIN, "purpose": "signup"})
    guess(world, 3)
    assert world.get(f"/v1/otp/{other['id']}").get_json()["state"] == "expired"
    world.clock.advance(1800)
    signup, login = start(world, {**LOGIN, "purpose": "signup"}), start(world)
    code = world.code(str(signup["message_id"]))
    for left in (2, 1, 0):
        wrong_code = wrong(world.code(str(login["message_id"])))
        assert check(world, login["id"], wrong_code) == {"result": "wrong_code", "attempts_left": left}
    refused = world.post(f"/v1/otp/{signup['id']}/resend")
    assert (refused.status_code, refused.get_json()["code"]) == (429, "number_locked")
    # The right code too: whoever guesses must not learn which of them was right.
    assert check(world, signup["id"], code) == {"result": "too_many_attempts", "attempts_left": 0}
    assert world.get(f"/v1/otp/{signup['id']}").get_json()["state"] == "locked"


def test_attempts_left_tells_of_the_nearer_end(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK + "lock_after = 7\n")
    guess(world, 5)
    world.clock.advance(301)
    assert start(world)["attempts_left"] == 2


def test_a_right_code_ends_the_row(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK)
    guess(world, 9)
    world.clock.advance(301)
    otp = start(world)
    assert otp["attempts_left"] == 1
    assert check(world, otp["id"], world.code(str(otp["message_id"])))["result"] == "approved"
    world.clock.advance(301)
    assert start(world)["attempts_left"] == 5


def test_one_client_cannot_lock_out_the_users_of_another(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK)
    guess(world, 10, client="mallory")
    world.clock.advance(301)
    assert world.post("/v1/otp", LOGIN, client="mallory").status_code == 429
    assert start(world, client="shop")["attempts_left"] == 5
    assert start(world, {**LOGIN, "to": OTHER}, client="mallory")["attempts_left"] == 5


def test_after_a_hundred_only_an_operator_helps(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK + "lock_after = 3\nstop_after = 6\n")
    guess(world, 3)
    world.clock.advance(1800)
    guess(world, 3)
    world.clock.advance(30 * 86_400)
    refused = world.post("/v1/otp", LOGIN)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "number_stopped")
    assert "operator" in refused.get_json()["detail"]
    (shut,) = world.get("/v1/locks", scopes=("admin",)).get_json()["items"]
    assert (shut["number"], shut["client"], shut["failures"], shut["stopped"]) == (NUMBER, "shop", 6, True)
    path = f"/v1/locks/{NUMBER}"
    assert world.delete(path).status_code == 403
    assert world.delete(f"{path}?client=bank", scopes=("admin",)).get_json()["cleared"] == 0
    assert world.delete(path, scopes=("admin",)).get_json() == {"number": NUMBER, "cleared": 1}
    assert start(world)["attempts_left"] == 3


@pytest.mark.parametrize(("lock_after", "most"), [(3, 5), (5, 5), (5, 10)])
def test_what_an_operator_unlocks_is_open_at_once(make_world: Callable[..., World], lock_after: int, most: int) -> None:
    world = make_world(f"{QUICK}lock_after = {lock_after}\nmax_failures = {most}\n")
    guess(world, lock_after)
    assert world.post("/v1/otp", LOGIN).get_json()["code"] == "number_locked"
    world.delete(f"/v1/locks/{NUMBER}", scopes=("admin",))
    otp = start(world)
    assert otp["attempts_left"] == min(lock_after, most)
    assert check(world, otp["id"], world.code(str(otp["message_id"])))["result"] == "approved"


def test_a_challenge_that_the_numbers_lock_closed_counts_on_after_a_short_one(
    make_world: Callable[..., World],
) -> None:
    world = make_world(QUICK + 'lock_after = 3\nlock_for = "1m"\nmax_failures = 5\n')
    guess(world, 3)
    world.clock.advance(60)
    otp = start(world)
    assert otp["attempts_left"] == 2
    for left in (1, 0):
        assert check(world, otp["id"], wrong(world.code(str(otp["message_id"]))))["attempts_left"] == left
    refused = world.post("/v1/otp", LOGIN)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "locked")


@pytest.mark.parametrize("while_off", [0.0, 600.0, 86_400.0, -600.0, -86_400.0])  # or the wall clock was set back
def test_a_lock_goes_on_over_another_boot(make_world: Callable[..., World], while_off: float) -> None:
    world = make_world(QUICK)
    guess(world, 10)
    world.store.close()
    clock = FakeClock(wall=world.clock.now().wall + while_off, boot=50.0, boot_id="another")
    gateway = world.config.gateway
    world.store = Store.open(gateway.database, gateway.key_file, clock)
    with world.store.database.read() as cx:
        guesses = world.store.challenges.guesses.look(cx, ("shop", NUMBER, 0), clock.now())
    assert guesses.locked_for == pytest.approx(min(1800.0, max(0.0, 1800.0 - while_off)))


def test_old_guesses_are_forgotten_and_stopped_numbers_are_not(make_world: Callable[..., World]) -> None:
    world = make_world(QUICK + "lock_after = 2\nstop_after = 2\n")
    guess(world, 2)
    start(world, {**LOGIN, "to": OTHER})
    otp = start(world, {**LOGIN, "to": OTHER})
    check(world, otp["id"], wrong(world.code(str(otp["message_id"]))))
    world.clock.advance(90 * 86_400)
    world.store.retention.keep = Keep(codes=86_400.0)
    while world.store.retention.purge(world.clock.now()):
        pass
    with world.store.database.read() as cx:
        assert world.store.challenges.guesses.look(cx, ("shop", OTHER, 0), world.clock.now()).failures == 0
    assert [one.recipient for one in world.store.challenges.guesses.shut(world.clock.now())] == [NUMBER]
