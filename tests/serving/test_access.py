"""Who may do what, and from where."""

import asyncio
import json
import re
from pathlib import Path
from unittest.mock import Mock

import pytest

from sentinode.core.errors import SentinodeError
from sentinode.serving.access import tokens as access_module
from sentinode.serving.access.token_checks import TokenChecks
from sentinode.serving.access.tokens import Access, User, Users, hash_token
from sentinode.serving.protocol.addresses import (
    allowed_hosts,
    check_access,
    check_origins,
    check_proxies,
    checked_root_path,
)

KEY = "a-long-key-of-the-operator-0123456789"


@pytest.fixture(scope="session")
def tokens(tmp_path_factory):
    """A user file with one user of each role, and their tokens."""
    file = tmp_path_factory.mktemp("users") / "users.json"
    users = Users(file)
    return file, {role: users.add(f"the-{role}", role) for role in ("viewer", "reviewer", "admin")}


PATHS = [
    ("GET", "/", None),
    ("GET", "/health/live", None),
    ("GET", "/health/ready", None),
    ("GET", "/session", None),
    ("POST", "/session", None),
    ("DELETE", "/session", None),
    ("GET", "/assets/x.js", None),
    ("GET", "/model", "viewer"),
    ("GET", "/metrics", "viewer"),
    ("GET", "/openapi.json", "viewer"),
    ("GET", "/slides", "viewer"),
    ("GET", "/slides/x/thumbnail", "viewer"),
    ("GET", "/scans/x/reviews", "viewer"),
    ("GET", "/no/such/path", "viewer"),
    ("POST", "/predict", "viewer"),
    ("POST", "/predict/batch", "viewer"),
    ("POST", "/explain", "viewer"),
    ("POST", "/slides/x/explain", "viewer"),
    ("POST", "/slides", "reviewer"),
    ("DELETE", "/slides/x", "reviewer"),
    ("POST", "/scans", "reviewer"),
    ("DELETE", "/scans/x", "reviewer"),
    ("POST", "/scans/x/reviews", "reviewer"),
    ("DELETE", "/reviews/x", "reviewer"),
    ("POST", "/reviews/x/restore", "reviewer"),
    ("GET", "/scans/x/reviews/consensus", "viewer"),
    ("GET", "/models", "admin"),
    ("GET", "/models/log", "admin"),
    ("POST", "/models/x/x/promote", "admin"),
    ("POST", "/models/x/x/rollback", "admin"),
    ("POST", "/models/x/retire", "admin"),
]
ROLES = ["viewer", "reviewer", "admin"]


def test_every_path_and_role(start, tokens):
    file, by_role = tokens
    client = start(users=file)
    for method, path, needed in PATHS:
        for role in (None, *ROLES):
            headers = {"authorization": f"Bearer {by_role[role]}"} if role else {}
            status = client.request(method, path, headers=headers).status_code
            allowed = needed is None or (role is not None and ROLES.index(role) >= ROLES.index(needed))
            expected = "in" if allowed else 401 if role is None else 403
            assert (status if status in (401, 403) else "in") == expected, (method, path, role)


def test_every_route_that_changes_something_is_in_this_matrix(client):
    known = {(method, path) for method, path, _ in PATHS}
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            example = re.sub(r"\{[^}]+\}", "x", path)
            assert method == "get" or (method.upper(), example) in known, path


def test_head_is_wherever_get_is_and_allow_names_every_method(start, tokens):
    file, by_role = tokens
    client = start(users=file)
    headers = {"authorization": f"Bearer {by_role['viewer']}"}
    paths = client.get("/openapi.json", headers=headers).json()["paths"]
    for path, known in [*paths.items(), ("/assets/{file}", {"get"}), ("/openapi.json", {"get"})]:
        place, methods = re.sub(r"\{[^}]+\}", "1", path), {method.upper() for method in known}
        if "GET" in methods:
            methods.add("HEAD")
            head, got = (client.request(method, place, headers=headers) for method in ("HEAD", "GET"))
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers["content-type"] == got.headers["content-type"]
        for method in {"PUT", "PATCH", "OPTIONS", "DELETE", "GET", "POST"} - methods:
            answer = client.request(method, place, headers=headers)
            assert answer.status_code == 405, (method, path)
            assert {one.strip() for one in answer.headers["allow"].split(",")} == methods, (method, path)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"])
def test_what_is_not_there_is_a_404_for_users_and_a_401_for_others(start, tokens, method):
    file, by_role = tokens
    client = start(users=file)
    for path in ("/no/such/path", "/slides/x/none", "/predict/none"):
        for token in by_role.values():
            headers = {"authorization": f"Bearer {token}"}
            assert client.request(method, path, headers=headers).status_code == 404
        assert client.request(method, path).status_code == 401


def test_access_is_off_without_users_and_key(client):
    assert client.get("/session").json() == {"required": False, "role": "admin", "name": "local"}


def test_an_api_key_may_do_everything(start):
    client = start(api_key=KEY)
    assert client.get("/slides").status_code == 401
    wrong = client.get("/slides", headers={"authorization": "Bearer wrong-key-wrong-key"})
    assert (wrong.status_code, "nobody has the token" in wrong.json()["detail"]) == (401, True)
    answer = client.get("/session", headers={"authorization": f"Bearer {KEY}"})
    assert answer.json() == {"required": True, "role": "admin", "name": "api-key"}


def test_a_session_of_a_page(start, tokens):
    file, by_role = tokens
    client = start(users=file)
    assert client.get("/session").json() == {"required": True, "role": None, "name": None}
    assert client.post("/session", json={"token": "the-viewer.wrong"}).status_code == 401
    answer = client.post("/session", json={"token": by_role["viewer"]})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert by_role["viewer"] not in cookie
    assert client.get("/session").json() == {"required": True, "role": "viewer", "name": "the-viewer"}
    assert client.get("/slides").status_code == 200
    assert client.post("/scans", json={"slide_id": "x"}).status_code == 403
    held = dict(client.cookies)
    assert client.delete("/session").status_code == 200
    client.cookies.update(held)  # a copy of the cookie is worth nothing any more
    assert client.get("/slides").status_code == 401


def test_only_hashes_of_tokens_and_sessions_are_kept(start, tokens, config):
    file, by_role = tokens
    start(users=file).post("/session", json={"token": by_role["admin"]})
    assert by_role["admin"] not in file.read_text()
    assert all(entry["token"].startswith("scrypt$") for entry in json.loads(file.read_text()))
    assert file.stat().st_mode & 0o077 == 0
    kept = b"".join(path.read_bytes() for path in config.state.glob("sentinode.sqlite*"))
    assert by_role["admin"].encode() not in kept


def test_a_removed_user_is_out_at_once(tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "admin")
    access = Access(users.path)
    user = access.check(token)
    assert user is not None
    assert access.remembered(token) == user
    users.remove("jo")
    assert access.remembered(token) is None
    assert access.named("jo") is None
    assert access.check(token) is None


def test_a_new_token_makes_the_old_one_worthless(tmp_path):
    users = Users(tmp_path / "users.json")
    old = users.add("jo", "viewer")
    access = Access(users.path)
    assert access.check(old)
    new = users.add("jo", "reviewer")
    assert access.remembered(old) is None
    assert access.check(old) is None
    assert access.check(new).role == "reviewer"


def test_a_user_who_is_removed_while_the_token_is_checked_is_not_remembered(tmp_path, monkeypatch):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "admin")
    access = Access(users.path)
    matches = access_module._matches

    def removed_meanwhile(given, known):
        users.remove("jo")
        access.named("jo")
        return matches(given, known)

    monkeypatch.setattr(access_module, "_matches", removed_meanwhile)
    access.check(token)
    assert access.remembered(token) is None


def _checked(checks, asked):
    """The user or the problem's status of each (token, address), all asked at once."""

    async def work():
        asking = (checks.user(*one) for one in asked)
        return [getattr(one, "status", one) for one in await asyncio.gather(*asking, return_exceptions=True)]

    return asyncio.run(work())


def test_tokens_are_checked_under_a_bound_that_does_not_drift(tmp_path):
    users = Users(tmp_path / "users.json")
    users.add("jo", "viewer")
    checks = TokenChecks(Access(users.path))
    found = _checked(checks, [(f"jo.wrong-{number}", f"10.0.0.{number}") for number in range(24)])
    assert found == [*[None] * 8, *[503] * 16]
    for number in range(10):
        assert _checked(checks, [(f"jo.wrong-{number}", f"10.0.1.{number}")]) == [None]


def test_one_address_takes_no_others_place(tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    checks = TokenChecks(Access(users.path))
    guesses = [(f"jo.wrong-{number}", "10.0.0.1") for number in range(20)]
    found = _checked(checks, [*guesses, (token, "10.0.0.2")])
    assert found == [None, None, *[503] * 18, User("jo", "viewer")]


def test_many_requests_with_one_token_are_one_check(tmp_path, monkeypatch):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    access = Access(users.path)
    counted = Mock(side_effect=access.check)
    monkeypatch.setattr(access, "check", counted)
    checks = TokenChecks(access)
    assert _checked(checks, [(token, "10.0.0.1")] * 24) == [User("jo", "viewer")] * 24
    counted.assert_called_once_with(token)


def test_a_check_under_way_is_no_answer_once_the_user_is_removed(tmp_path, monkeypatch):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "admin")
    access = Access(users.path)
    checks = TokenChecks(access)

    async def work():
        before = asyncio.create_task(checks.user(token, "10.0.0.1"))
        await asyncio.sleep(0)  # the check begins
        users.remove("jo")
        return await checks.user(token, "10.0.0.2"), await before

    assert asyncio.run(work())[0] is None
    assert access.remembered(token) is None


def test_who_goes_away_takes_no_others_answer_along(tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    checks = TokenChecks(Access(users.path))

    async def work():
        gone = asyncio.create_task(checks.user(token, "10.0.0.1"))
        await asyncio.sleep(0)
        stays = asyncio.create_task(checks.user(token, "10.0.0.1"))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(work()) == User("jo", "viewer")


def test_guesses_of_others_never_keep_a_known_user_out(tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    checks = TokenChecks(Access(users.path))
    assert _checked(checks, [(token, "10.0.0.1")]) == [User("jo", "viewer")]
    guesses = [(f"jo.wrong-{number}", f"10.0.1.{number}") for number in range(8)]
    assert _checked(checks, [*guesses, (token, "10.0.0.1")])[-1] == User("jo", "viewer")


def test_an_address_that_guesses_has_to_wait_and_no_other(tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    checks = TokenChecks(Access(users.path))
    found = [_checked(checks, [(f"jo.wrong-{number}", "10.0.0.1")])[0] for number in range(15)]
    assert found == [*[None] * 10, *[429] * 5]
    assert _checked(checks, [(token, "10.0.0.1")]) == [429]
    assert _checked(checks, [(token, "10.0.0.2")]) == [User("jo", "viewer")]
    assert _checked(checks, [(token, "10.0.0.1")]) == [User("jo", "viewer")]  # found good a moment ago


@pytest.mark.parametrize("name", ["api-key", "local", "", "a b", "../x", "-x"])
def test_names_that_no_user_may_have(tmp_path, name):
    users = Users(tmp_path / "users.json")
    with pytest.raises(SentinodeError, match="can't be a user's name"):
        users.add(name, "viewer")


@pytest.mark.parametrize("content", ["{", "[1]", '[{"name": "a", "role": "king", "token": "x"}]', '[{"name": "a"}]'])
def test_a_damaged_user_file_is_one_line(tmp_path, content):
    path = tmp_path / "users.json"
    path.write_text(content)
    with pytest.raises(SentinodeError, match=r"users\.json is no user file"):
        Access(path)


def test_the_same_token_hashes_differently_each_time():
    assert hash_token("a") != hash_token("a")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_another_address_needs_a_lock(host):
    with pytest.raises(SentinodeError, match=r"--users FILE or --api-key-file FILE, or --insecure"):
        check_access(host, protected=False, insecure=False)
    check_access(host, protected=True, insecure=False)
    check_access(host, protected=False, insecure=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_the_loopback_needs_none(host):
    check_access(host, protected=False, insecure=False)


def test_a_name_that_was_rebound_is_refused(start):
    client = start(hosts=allowed_hosts("127.0.0.1", (), protected=False))
    assert client.get("/slides", headers={"host": "evil.example"}).status_code == 421
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000"):
        assert client.get("/slides", headers={"host": host}).status_code == 200


def test_another_pages_requests_are_refused(start):
    client = start()
    own, other = {"origin": "http://testserver"}, {"origin": "https://evil.example"}
    assert client.post("/scans", json={"slide_id": "x"}, headers=own).status_code == 404
    assert client.post("/scans", json={"slide_id": "x"}, headers=other).status_code == 403
    assert client.post("/predict", headers={"origin": "null"}).status_code == 403
    assert "access-control-allow-origin" not in client.get("/slides", headers=other).headers


def test_an_allowed_origin_may_use_the_api(start):
    client = start(origins=("https://viewer.example",))
    answer = client.get("/slides", headers={"origin": "https://viewer.example"})
    assert answer.headers["access-control-allow-origin"] == "https://viewer.example"
    assert (
        client.post("/scans", json={"slide_id": "x"}, headers={"origin": "https://viewer.example"}).status_code == 404
    )


PAGE = "https://viewer.example"


def test_a_browser_of_an_allowed_origin_may_use_the_api_with_a_token(start, tokens):
    file, by_role = tokens
    client = start(users=file, origins=(PAGE,))
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    answer = client.options("/predict", headers={"origin": PAGE, **asked})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    good = {"authorization": f"Bearer {by_role['viewer']}"}
    for headers, path, status in (({}, "/slides", 401), (good, "/slides/x", 404), (good, "/slides", 200)):
        answer = client.get(path, headers={"origin": PAGE, **headers})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, PAGE)
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_a_browser_of_another_origin_may_not(start, tokens):
    client = start(users=tokens[0], origins=(PAGE,))
    other = {"origin": "https://evil.example"}
    answer = client.options("/predict", headers={**other, "access-control-request-method": "POST"})
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in {**answer.headers, **client.get("/slides", headers=other).headers}


@pytest.mark.parametrize(
    "origin", ["viewer.example", "https://viewer.example/", "*", "null", "ftp://viewer.example", "https://a b"]
)
def test_what_no_browser_sends_as_an_origin(origin):
    with pytest.raises(SentinodeError, match="is no origin of a page"):
        check_origins([origin])
    check_origins(["https://slides.hospital.example:8443", "http://localhost:5173"])


@pytest.mark.parametrize("proxy", ["proxy.example", "*", "10.0.0.5/24", "10.0.0.5:80"])
def test_a_proxy_that_is_no_address(proxy):
    with pytest.raises(SentinodeError, match="is no address of a proxy"):
        check_proxies([proxy])


@pytest.mark.parametrize("path", ["sentinode", "/a b", "/a/../b", "/..", "/./a", "https://viewer.example"])
def test_a_root_path_that_is_none(path):
    with pytest.raises(SentinodeError, match="can't be the server's path"):
        checked_root_path(path)
    assert checked_root_path("/a.b/..c/sentinode/") == "/a.b/..c/sentinode"


def test_a_user_file_that_another_made_unreadable_says_so(tmp_path, caplog, monkeypatch):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    access = Access(users.path)
    assert access.check(token)
    read = Path.read_text

    def refused(path, *arguments, **options):
        if path == users.path:
            raise PermissionError(13, "Permission denied")
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refused)
    users.path.touch()
    with caplog.at_level("INFO", "sentinode.serving"):
        assert access.remembered(token) is None
        assert "can't be read (PermissionError)" in caplog.text
        monkeypatch.undo()
        users.path.chmod(0o640)  # what mends it changes neither time nor size of the content
        assert access.check(token) is None
        assert access.named("jo") == User("jo", "viewer")
    assert access.check(token) == User("jo", "viewer")


def test_headers_of_every_answer(client):
    for path in ("/", "/slides", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert len(headers["x-request-id"]) == 16
