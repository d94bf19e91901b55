"""The siege: whom it besieges, what it does, what it says of it."""

import random
from collections import Counter

import pytest

from sentinode.testing.siege import attack_table
from sentinode.testing.siege.__main__ import main
from sentinode.testing.siege.attack_table import ATTACKS
from sentinode.testing.siege.honest_clients import HonestClients, Seen
from sentinode.testing.siege.siege_table import attacks_table, held, table
from sentinode.testing.siege.target import Target, target_of


@pytest.mark.parametrize("url", [
    "http://192.0.2.1:8000", "http://example.org", "http://0.0.0.0:8000", "http://127.0.0.1.example.org", "https://[::1]",
    "127.0.0.1:8000", "http://[2001:db8::1]:80",
])  # fmt: skip
def test_only_the_loopback_is_besieged(url, capsys):
    assert main([url]) == 2
    said = capsys.readouterr().err
    assert "not this machine's loopback" in said or "no address of a server here" in said


def test_the_loopback_by_each_of_its_names():
    assert target_of("http://localhost:81/sentinode/") == Target("127.0.0.1", 81, "/sentinode")
    assert target_of("http://[::1]:82") == Target("::1", 82)


def test_nothing_to_besiege_is_one_line(capsys, besieged):
    address = besieged.server.address
    besieged.end()
    assert main([address]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


CALM = {"GET /slides": Seen([0.01] * 20)}


@pytest.mark.parametrize(("attacked", "good"), [
    (Seen([0.01] * 19 + [0.02]), True),
    (Seen([0.03] * 20), True),
    (Seen([0.031] * 20), False),
    (Seen([0.01] * 20, ["503"]), False),
    (Seen([0.01] * 20, ["TimeoutError"]), False),
])  # fmt: skip
def test_when_a_server_held(attacked, good):
    assert held(CALM, {"GET /slides": attacked}) is good


def test_what_was_seen_is_a_table():
    shown = table(CALM, {"GET /slides": Seen([0.02] * 20, ["503"])}).splitlines()
    assert shown[1].split() == ["GET", "/slides", "40", "1", "10.0", "20.0", "10.0", "20.0", "2.00"]
    assert shown[2].strip() == "503"
    assert "413 × 2, closed × 1" in attacks_table({"a": Counter({"closed": 1, "413": 2})})


@pytest.mark.slow
def test_every_attack_is_survived(besieged, monkeypatch):
    monkeypatch.setattr(attack_table, "HOLD_S", 1.0)
    target = target_of(besieged.server.address)
    chance = random.Random(0)
    answers = Counter()
    with besieged.attacked():
        for attack in ATTACKS:
            answers.update(attack(target, chance))
    assert not {answer for answer in answers if answer.startswith("5") and answer != "503"}, answers
    assert {"413", "431", "400", "404", "422", "403"} <= set(answers)


def test_honest_clients_are_served(besieged):
    seen = HonestClients(target_of(besieged.server.address)).ask_for(2)
    assert len(seen) == 5
    assert all(one.seconds and not one.faults for one in seen.values())
