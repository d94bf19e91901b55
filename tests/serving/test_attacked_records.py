"""A server process whose users try to keep, undo and change what is not theirs; afterwards it is as it was."""

import json
import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import numpy as np
import pytest

from helpers import scan_folders
from helpers.server_process import FORM, form
from sentinode.serving.access.tokens import Users

SQUARE = {"type": "Polygon", "coordinates": [[[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]]}
NAMES = {"ann": "reviewer", "bob": "reviewer", "eve": "admin"}


class Caller:
    """Asks a server with a token or a cookie; (status, answer)."""

    def __init__(self, server, header, value):
        self._server, self.headers = server, {header: value, "Content-Type": "application/json"}

    def __call__(self, method, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server.address + path, content, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def sign_in(server, token):
    """A caller with the cookie of a new session."""
    body = json.dumps({"token": token}).encode()
    request = urllib.request.Request(server.address + "/session", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return Caller(server, "Cookie", answer.headers["Set-Cookie"].partition(";")[0])


@pytest.fixture
def users(tmp_path):
    """A user file, and its users' tokens."""
    found = Users(tmp_path / "users.json")
    return found, {name: found.add(name, role) for name, role in NAMES.items()}


@pytest.fixture
def reviewed(besiege, users, tmp_path):
    """A server with a finished scan, a caller for each user, and the path of the scan."""
    scan_folders.write_scan(tmp_path / "scans-0" / "case", np.full((4, 5), 0.9, np.float32))
    file, tokens = users
    besieged = besiege("--users", str(file.path), token=tokens["eve"])
    callers = {name: Caller(besieged.server, "Authorization", f"Bearer {token}") for name, token in tokens.items()}
    return besieged, callers, f"/scans/{callers['eve']('GET', '/scans')[1]['scans'][0]['id']}"


def test_no_session_outlives_its_token(reviewed, users):
    besieged, _, _ = reviewed
    file, tokens = users
    with besieged.attacked():
        removed, rotated = sign_in(besieged.server, tokens["ann"]), sign_in(besieged.server, tokens["bob"])
        assert (removed("GET", "/slides")[0], rotated("GET", "/slides")[0]) == (200, 200)
        file.remove("ann")
        assert removed("GET", "/slides")[0] == 401
        file.add("ann", "admin")
        new = file.add("bob", "admin")
        for old in (removed, rotated):
            assert old("GET", "/slides")[0] == 401
            assert old("GET", "/session")[1]["role"] is None
        assert sign_in(besieged.server, new)("GET", "/session")[1]["role"] == "admin"


def test_a_rotated_key_has_no_sessions(besiege, tmp_path):
    key = tmp_path / "key"
    words = ("--api-key-file", str(key), "--data", str(tmp_path / "data"))
    key.write_text("the-first-key-0123456789")
    first = besiege(*words, token="the-first-key-0123456789")
    cookie = sign_in(first.server, "the-first-key-0123456789").headers["Cookie"]
    first.end()
    key.write_text("the-second-key-0123456789")
    second = besiege(*words, token="the-second-key-0123456789")
    with second.attacked():
        assert Caller(second.server, "Cookie", cookie)("GET", "/slides")[0] == 401


def test_a_reviewer_undoes_no_admins_decision(reviewed):
    besieged, callers, scan = reviewed
    ann, bob, eve = (callers[name] for name in NAMES)
    with besieged.attacked():
        review = ann("POST", f"{scan}/reviews", {"kind": "lesion", "polygon": SQUARE})[1]
        rejected = {"kind": "verdict", "lesion_id": review["id"], "verdict": "reject"}
        assert bob("POST", f"{scan}/reviews", rejected)[0] == 201
        assert ann("GET", f"{scan}/reviews/consensus")[1]["result"] == "disagreed"
        decision = {**rejected, "kind": "adjudication"}
        assert bob("POST", f"{scan}/reviews", decision)[0] == 403
        status, decided = eve("POST", f"{scan}/reviews", decision)
        assert status == 201
        assert ann("DELETE", f"/reviews/{decided['id']}")[0] == 403
        assert ann("GET", f"{scan}/reviews/consensus")[1]["result"] == "nothing accepted"
        assert eve("DELETE", f"/reviews/{review['id']}")[1]["undone_by"] == "eve"
        assert ann("DELETE", f"/reviews/{review['id']}")[1]["undone_by"] == "eve"
        assert ann("POST", f"/reviews/{review['id']}/restore")[0] == 403
        assert bob("POST", f"/reviews/{review['id']}/restore")[0] == 403


def test_reviews_that_race_and_a_kill_lose_and_replace_nothing(reviewed, besiege, users, tmp_path):
    besieged, callers, scan = reviewed
    lesion = callers["ann"]("GET", f"{scan}/lesions")[1]["lesions"][0]
    answered = []

    def judge(name):
        body = {"kind": "verdict", "lesion_id": lesion["id"], "polygon": lesion["polygon"], "verdict": "accept"}
        for _ in range(30):
            try:
                status, review = callers[name]("POST", f"{scan}/reviews", body)
            except (OSError, HTTPException):
                return  # the server is gone
            assert status == 201, review
            answered.append((review["id"], name))
            body["verdict"] = "reject" if body["verdict"] == "accept" else "accept"

    with ThreadPoolExecutor(4) as pool:
        judging = [pool.submit(judge, name) for name in ("ann", "bob", "ann", "bob")]
        besieged.server.wait(lambda: len(answered) > 20)
        besieged.server.end(signal.SIGKILL)
        for one in judging:
            one.result()
    again = besiege(
        "--users", str(users[0].path), "--scans", str(tmp_path / "scans-0"), token=users[1]["eve"]
    )  # the later --scans counts
    with again.attacked():
        kept = json.loads(again.answer("GET", f"{scan}/reviews")[1])["reviews"]
        assert set(answered) <= {(one["id"], one["author"]) for one in kept}
        assert not any(one["undone"] for one in kept)
        last = {one["author"]: one["verdict"] for one in kept}
        (finding,) = json.loads(again.answer("GET", f"{scan}/reviews/consensus")[1])["findings"]
        assert finding["accepted_by"] == sorted(name for name, verdict in last.items() if verdict == "accept")
        assert finding["rejected_by"] == sorted(name for name, verdict in last.items() if verdict == "reject")


def test_what_is_kept_is_for_no_other_user(reviewed, tmp_path):
    besieged, callers, scan = reviewed
    assert callers["ann"]("POST", f"{scan}/reviews", {"kind": "lesion", "polygon": SQUARE})[0] == 201
    besieged.end()
    kept = [path for path in (tmp_path / "scans-0" / ".server").rglob("*") if path.is_file()]
    assert "sentinode.sqlite" in {path.name for path in kept}
    assert [path.name for path in (*kept, tmp_path / "users.json") if path.stat().st_mode & 0o077] == []


def test_reviews_of_a_deleted_upload_stay_and_are_no_other_slides(besieged, slides):
    content = (slides / "one.tif").read_bytes()

    def upload():
        return json.loads(besieged.answer("POST", "/slides", form(content, file="mine.tif"), FORM)[1])

    slide = upload()
    scan = besieged.server.post("/scans", json.dumps({"slide_id": slide["id"]}).encode())["id"]
    besieged.server.wait(lambda: besieged.server.get(f"/scans/{scan}")["status"] == "finished")
    body = json.dumps({"kind": "lesion", "polygon": SQUARE}).encode()
    assert besieged.status("POST", f"/scans/{scan}/reviews", body) == 201
    assert besieged.status("DELETE", f"/slides/{slide['id']}") == 200
    assert len(besieged.server.get(f"/scans/{scan}/reviews")["reviews"]) == 1
    again = upload()
    assert (again["id"] != slide["id"], again["scan"]) == (True, None)
    new = besieged.server.post("/scans", json.dumps({"slide_id": again["id"]}).encode())["id"]
    assert new != scan
    assert besieged.server.get(f"/scans/{new}/reviews")["reviews"] == []
