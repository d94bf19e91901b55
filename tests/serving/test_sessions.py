"""Sessions of browsers: they end with the token that began them, and follow the user's role at once."""

import json

import pytest

from sentinode.serving.access.tokens import Users
from sentinode.store.database import connect, open_store, upgrade

KEY = "a-long-key-of-the-operator-0123456789"
NOBODY = {"required": True, "role": None, "name": None}


@pytest.fixture
def users(tmp_path):
    return Users(tmp_path / "users.json")


def _sign_in(client, token):
    client.cookies.clear()
    assert client.post("/session", json={"token": token}).status_code == 200
    return dict(client.cookies)


def _who(client, cookies):
    client.cookies.clear()
    client.cookies.update(cookies)
    return client.get("/session").json()


def test_a_user_who_is_removed_and_added_again_has_no_old_session(start, users):
    token = users.add("jo", "viewer")
    client = start(users=users.path)
    cookies = _sign_in(client, token)
    assert _who(client, cookies)["role"] == "viewer"
    users.remove("jo")
    assert _who(client, cookies) == NOBODY
    new = users.add("jo", "admin")
    assert _who(client, cookies) == NOBODY
    assert _who(client, _sign_in(client, new))["role"] == "admin"


def test_a_new_token_ends_the_sessions_of_the_old_one(start, users):
    users.add("ann", "admin")
    client = start(users=users.path)
    cookies = _sign_in(client, users.add("jo", "reviewer"))
    users.add("jo", "reviewer")
    assert _who(client, cookies) == NOBODY


def test_a_rotated_key_ends_its_sessions_and_a_restart_does_not(start):
    cookies = _sign_in(start(api_key=KEY), KEY)
    assert _who(start(api_key=KEY), cookies)["role"] == "admin"
    assert _who(start(api_key=KEY[::-1]), cookies) == NOBODY


def test_a_session_has_the_role_of_now(start, users):
    token = users.add("jo", "admin")
    client = start(users=users.path)
    cookies = _sign_in(client, token)
    (entry,) = json.loads(users.path.read_text())
    users.path.write_text(json.dumps([{**entry, "role": "viewer"}]))
    assert _who(client, cookies)["role"] == "viewer"
    assert client.post("/scans", json={"slide_id": "x"}).status_code == 403


def test_a_token_that_was_replaced_while_it_was_checked_begins_no_session_that_lasts(start, users, monkeypatch):
    from sentinode.serving.access import tokens

    token, matches = users.add("jo", "admin"), tokens._matches
    client = start(users=users.path)

    def replaced_meanwhile(given, known):
        found = matches(given, known)
        users.add("jo", "admin")
        return found

    monkeypatch.setattr(tokens, "_matches", replaced_meanwhile)
    client.post("/session", json={"token": token})
    assert _who(client, dict(client.cookies)) == NOBODY


def test_sessions_of_an_older_store_are_ended(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = connect(url)
    upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO sessions VALUES ('x', 'jo', '2999-01-01T00:00:00.000+00:00')")
    engine.dispose()
    store = open_store(url)
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar() == 0
    store.close()
