"""The server behind a proxy with TLS, below a path: as the page on serving has it, with nginx and with Caddy."""

import json
import shutil

import pytest

from helpers.pictures import encoded, pixels
from helpers.programs import missing
from helpers.proxies import NAME, Proxy
from helpers.server_process import FORM, form
from sentinode.serving.access.tokens import Users
from sentinode.serving.routes.page_routes import PAGE

ROOT = "/sentinode"
JSON = "application/json"


@pytest.fixture(params=["nginx", "caddy"])
def behind(request, besiege, tmp_path):
    """A proxy, and a reviewer's token."""
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "reviewer")
    words = ["--users", str(users.path), "--name", NAME, "--trusted-proxy", "127.0.0.1", "--root-path", ROOT]
    server = besiege(*words, token=token).server
    proxy = Proxy(request.param, server.port, tmp_path)
    yield proxy, token
    proxy.end()


def _cookie(proxy, token):
    """The cookie of a session, and what was said of it."""
    origin = f"https://{proxy.place}"
    body = json.dumps({"token": token}).encode()
    answer, content = proxy.ask("POST", f"{ROOT}/session", body, Origin=origin, Content_Type=JSON)
    assert answer.status == 200, content
    return answer.headers["Set-Cookie"].partition(";")


def test_a_page_signs_in_and_works_below_its_path(behind):
    proxy, token = behind
    cookie, _, about = _cookie(proxy, token)
    assert "secure" in about.lower()
    assert f"path={ROOT}/" in about.lower()
    for path in ("/", "/health/live", "/slides", "/openapi.json"):
        assert proxy.ask("GET", ROOT + path, Cookie=cookie)[0].status == 200, path
    origin = f"https://{proxy.place}"
    content = form(encoded(pixels(1)))
    answer, body = proxy.ask("POST", f"{ROOT}/predict", content, Cookie=cookie, Origin=origin, Content_Type=FORM)
    assert answer.status == 200, body
    refused, _ = proxy.ask("POST", f"{ROOT}/predict", content, Cookie=cookie, Origin="https://evil.example")
    assert refused.status == 403


def test_the_description_and_the_redirect_stay_below_the_path(behind):
    proxy, token = behind
    cookie, _, _ = _cookie(proxy, token)
    assert json.loads(proxy.ask("GET", f"{ROOT}/openapi.json", Cookie=cookie)[1])["servers"] == [{"url": ROOT}]
    answer, _ = proxy.ask("GET", ROOT)
    assert answer.status in (301, 302, 308)
    assert answer.headers["Location"] in (f"{ROOT}/", f"https://{proxy.place}{ROOT}/", f"https://{NAME}{ROOT}/")


def test_wrong_tokens_are_counted_by_who_sent_them(behind):
    proxy, _ = behind
    statuses = [
        proxy.ask("GET", f"{ROOT}/slides", Authorization=f"Bearer jo.{number}", X_Forwarded_For="203.0.113.9")[0].status
        for number in range(12)
    ]
    # nginx adds where the request came from, which is the loopback and trusted, too; Caddy puts that in its place.
    assert statuses == [401] * 10 + [429] * 2


@pytest.mark.parametrize("forwarded", [{}, {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}])
def test_nobody_else_is_believed(start, tmp_path, forwarded):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    client = start(users=users.path)
    answer = client.post("/session", json={"token": token}, headers=forwarded)
    assert "secure" not in answer.headers["set-cookie"].lower()


def test_signing_in_through_a_proxy_that_sends_no_name(start, tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    client = start(users=users.path, names=(NAME,))
    headers = {"host": "127.0.0.1:8000", "origin": f"https://{NAME}"}
    assert client.post("/session", json={"token": token}, headers=headers).status_code == 200
    headers["origin"] = f"https://{NAME}.evil.example"
    assert client.post("/session", json={"token": token}, headers=headers).status_code == 403


def test_a_proxy_that_takes_the_path_off_is_as_good(start):
    client = start(root_path=ROOT)
    assert client.get("/slides").json() == client.get(f"{ROOT}/slides").json()
    assert client.get("/sentinodes/slides").status_code == 404
    assert client.get(ROOT, follow_redirects=False).headers["location"] == f"{ROOT}/"


def test_the_page_in_a_browser_below_its_path(behind):
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make page")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        missing("Chromium", "chromium")
    from playwright.sync_api import expect, sync_playwright

    proxy, token = behind
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    failed = []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=flags)
        page = opened.new_context(ignore_https_errors=True).new_page()
        page.on("response", lambda answer: failed.append((answer.status, answer.url)) if answer.status >= 400 else None)
        page.goto(f"https://{proxy.place}{ROOT}/")
        page.get_by_label("Access key").fill(token)
        with page.expect_response("**/thumbnail?*", timeout=60_000) as picture:
            page.keyboard.press("Enter")
        assert picture.value.ok
        expect(page.get_by_role("heading", name="one")).to_be_visible(timeout=60_000)
        assert all(cookie["secure"] and cookie["path"] == f"{ROOT}/" for cookie in page.context.cookies())
        opened.close()
    assert failed == []
