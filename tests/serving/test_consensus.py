"""Several reviewers of one scan: verdicts side by side, what they mean together, and who may take what back."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sqlalchemy import event

from helpers import scan_folders
from sentinode.serving.access.tokens import Users
from sentinode.serving.problems import Problem
from sentinode.serving.reviews.review_regions import consensus_fields
from sentinode.slides.annotations.annotation_file import read_annotations

NAMES = {"ann": "reviewer", "bob": "reviewer", "eve": "admin", "adam": "admin"}
SQUARE = {"type": "Polygon", "coordinates": [[[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]]}


def box(left, top, right, bottom):
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    return {"type": "Polygon", "coordinates": [ring]}


class Lab:
    """A server with a finished scan, and its users."""

    def __init__(self, client, tokens):
        self.client = client
        self.headers = {name: {"authorization": f"Bearer {token}"} for name, token in tokens.items()}
        (self.scan,) = self.get("eve", "/scans")["scans"]
        self.base = f"/scans/{self.scan['id']}"
        self.lesions = self.get("eve", f"{self.base}/lesions")["lesions"]

    def get(self, name, path):
        answer = self.client.get(path, headers=self.headers[name])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, name, **review):
        return self.client.post(f"{self.base}/reviews", json=review, headers=self.headers[name])

    def judge(self, name, verdict, place=0, kind="verdict"):
        lesion = self.lesions[place]
        answer = self.send(name, kind=kind, lesion_id=lesion["id"], verdict=verdict, polygon=lesion["polygon"])
        assert answer.status_code == 201, answer.text
        return answer.json()

    def undo(self, name, review):
        return self.client.delete(f"/reviews/{review['id']}", headers=self.headers[name])

    def restore(self, name, review):
        return self.client.post(f"/reviews/{review['id']}/restore", headers=self.headers[name])

    def consensus(self):
        return self.get("ann", f"{self.base}/reviews/consensus")

    def outcomes(self):
        return [(one["outcome"], one["accepted_by"], one["rejected_by"]) for one in self.consensus()["findings"]]

    def export(self, kind="geojson", *, whole=False):
        return self.client.get(f"{self.base}/reviews.{kind}?whole_slide={whole}", headers=self.headers["ann"])


@pytest.fixture
def lab(config, start, tmp_path):
    values = np.full((12, 21), 0.05, np.float32)
    values[2:5, 2:6] = 0.9
    values[7:10, 12:18] = 0.93
    scan_folders.write_scan(config.scans / "case", values)
    users = Users(tmp_path / "users.json")
    tokens = {name: users.add(name, role) for name, role in NAMES.items()}
    found = Lab(start(users=users.path), tokens)
    assert len(found.lesions) == 2
    return found


def test_a_second_reviewers_verdict_stands_beside_the_first(lab):
    lab.judge("ann", "accept")
    assert lab.outcomes() == [("accepted", ["ann"], [])]
    lab.judge("bob", "accept")
    assert lab.outcomes() == [("accepted", ["ann", "bob"], [])]
    assert lab.consensus()["result"] == "tumour"
    lab.judge("bob", "reject")
    assert lab.outcomes() == [("disagreed", ["ann"], ["bob"])]
    assert lab.consensus()["result"] == "disagreed"
    kept = lab.get("ann", f"{lab.base}/reviews")["reviews"]
    assert [(one["author"], one["verdict"], one["undone"]) for one in kept] == [
        ("ann", "accept", False), ("bob", "accept", False), ("bob", "reject", False)
    ]  # fmt: skip
    lab.judge("ann", "reject")
    assert lab.outcomes() == [("rejected", [], ["ann", "bob"])]
    assert lab.consensus()["result"] == "nothing accepted"


def test_nothing_said_is_no_verdict(lab):
    assert lab.consensus() == {"rule": "consensus", "result": "not reviewed", "reviewers": [], "findings": []}
    lab.send("ann", kind="verdict", polygon=SQUARE, comment="fat?")
    assert lab.consensus()["result"] == "not reviewed"


def test_an_admin_decides_and_no_later_verdict_undecides(lab):
    lab.judge("ann", "accept")
    lab.judge("bob", "reject")
    assert lab.send("bob", kind="adjudication", verdict="reject", polygon=SQUARE).status_code == 403
    decision = lab.judge("eve", "accept", kind="adjudication")
    (finding,) = lab.consensus()["findings"]
    assert (finding["outcome"], finding["adjudicated_by"]) == ("accepted", "eve")
    assert (finding["accepted_by"], finding["rejected_by"]) == (["ann"], ["bob"])
    lab.judge("ann", "reject")
    assert lab.consensus()["findings"][0]["outcome"] == "accepted"
    assert lab.undo("bob", decision).status_code == 403
    assert lab.undo("adam", decision).status_code == 200
    assert lab.outcomes() == [("rejected", [], ["ann", "bob"])]
    assert lab.send("eve", kind="adjudication", polygon=SQUARE).status_code == 422


def test_an_admins_own_verdict_is_one_of_several(lab):
    lab.judge("ann", "accept")
    lab.judge("eve", "reject")
    assert lab.outcomes() == [("disagreed", ["ann"], ["eve"])]


def test_where_outlines_overlap_only_that_is_disagreed(lab, tmp_path):
    lab.send("ann", kind="verdict", verdict="accept", polygon=box(0, 0, 400, 200))
    lab.send("bob", kind="verdict", verdict="reject", polygon=box(300, 0, 500, 200))
    areas = {one["outcome"]: one["polygon"]["coordinates"] for one in lab.consensus()["findings"]}
    bounds = {name: (min(x for x, _ in ring[0]), max(x for x, _ in ring[0])) for name, ring in areas.items()}
    assert bounds == {"accepted": (0, 300), "disagreed": (300, 400), "rejected": (400, 500)}


def test_outlines_that_touch_do_not_disagree(lab):
    lab.send("ann", kind="verdict", verdict="accept", polygon=box(0, 0, 200, 200))
    lab.send("bob", kind="verdict", verdict="reject", polygon=box(200, 0, 400, 200))
    assert [one["outcome"] for one in lab.consensus()["findings"]] == ["accepted", "rejected"]


def test_what_one_drew_another_can_judge(lab):
    drawn = lab.send("ann", kind="lesion", polygon=SQUARE).json()
    assert lab.outcomes() == [("accepted", ["ann"], [])]
    lab.send("bob", kind="verdict", lesion_id=drawn["id"], verdict="accept")
    assert lab.outcomes() == [("accepted", ["ann", "bob"], [])]
    assert json.loads(lab.export().text)["features"][0]["properties"]["name"] == "drawn by ann, accepted by bob"
    lab.send("bob", kind="verdict", lesion_id=drawn["id"], verdict="reject")
    assert lab.outcomes() == [("disagreed", ["ann"], ["bob"])]


# ---- exports


def test_exports_follow_the_rule(lab, tmp_path):
    lab.judge("ann", "accept", 0)
    lab.judge("bob", "reject", 0)
    assert lab.export("xml").status_code == 409, "all of it is disagreed: an empty file would say no tumour"
    lab.judge("ann", "accept", 1)
    file = tmp_path / "case.geojson"
    file.write_text(lab.export().text)
    read = read_annotations(file)
    assert read.counts == {"disagreed": 1, "tumour": 1}
    assert read.passed_over == {}
    assert read.tumour.area == read.of("tumour")[0].polygon.area
    file.write_text(lab.export().text.replace('"reviewed": "part", ', ""))
    assert read_annotations(file).reviewed == "part", "another program saved it again"
    assert lab.export("xml").text.count("<Annotation ") == 1
    for kind in ("geojson", "xml"):
        answer = lab.export(kind, whole=True)
        assert (answer.status_code, "reviewers disagree on 1 of 2 places" in answer.json()["detail"]) == (409, True)
    lab.judge("eve", "reject", 0, kind="adjudication")
    assert lab.export(whole=True).status_code == 200
    names = [one["properties"]["name"] for one in json.loads(lab.export(whole=True).text)["features"]]
    assert names == ["rejected by eve (adjudicated)", "accepted by ann"]


# ---- who may take what back


def test_a_reviewer_undoes_and_restores_only_their_own(lab):
    review = lab.judge("ann", "accept")
    assert lab.undo("bob", review).status_code == 403
    assert lab.undo("ann", review).json()["undone_by"] == "ann"
    assert lab.restore("bob", review).status_code == 403
    assert not lab.restore("ann", review).json()["undone"]


def test_a_reviewer_can_not_restore_what_an_admin_undid(lab):
    review = lab.judge("ann", "accept")
    assert lab.undo("eve", review).json()["undone_by"] == "eve"
    for _ in range(2):  # undoing it once more does not make it theirs
        answer = lab.restore("ann", review)
        assert (answer.status_code, "undone by eve" in answer.json()["detail"]) == (403, True)
        assert lab.undo("ann", review).json()["undone_by"] == "eve"
    assert lab.outcomes() == []
    assert not lab.restore("adam", review).json()["undone"]
    assert lab.undo("ann", review).status_code == 200
    assert lab.restore("ann", review).status_code == 200


def test_an_admin_may_undo_what_its_author_undid_so_that_it_stays(lab):
    review = lab.judge("ann", "accept")
    lab.undo("ann", review)
    assert lab.undo("eve", review).json()["undone_by"] == "eve"
    assert lab.restore("ann", review).status_code == 403


def test_the_history_keeps_every_step_and_repeating_one_adds_none(lab):
    review = lab.judge("ann", "accept")
    for step in (lab.undo, lab.undo, lab.restore, lab.restore, lab.undo):
        found = step("ann", review).json()
    assert [(one["undone"], one["author"]) for one in found["history"]] == [
        (True, "ann"), (False, "ann"), (True, "ann")
    ]  # fmt: skip
    assert found == lab.get("bob", f"{lab.base}/reviews")["reviews"][0]


def test_reviews_are_only_ever_added(lab):
    statements = []
    engine = lab.client.app.state.service.store.engine
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    review = lab.judge("ann", "accept")
    lab.judge("ann", "reject")
    lab.undo("ann", review)
    lab.restore("ann", review)
    touching = [text for text in statements if "review" in text.lower() and not text.lstrip().startswith("SELECT")]
    assert len(touching) == 4 + 2  # each takes its turn at the scan, by a statement that may name the review
    assert all(text.startswith(("INSERT INTO review", "UPDATE scans SET status=scans.status ")) for text in touching)


# ---- other scans, other outlines


def test_a_verdict_under_one_lesions_id_is_not_on_anothers_outline(lab):
    first, second = lab.lesions
    for lesion_id, polygon in (
        (first["id"], second["polygon"]), (first["id"], SQUARE), ("of-another-scan", first["polygon"]),
        ("of-another-scan", None),
    ):  # fmt: skip
        answer = lab.send("ann", kind="verdict", verdict="accept", lesion_id=lesion_id, polygon=polygon)
        assert (answer.status_code, "has no lesion" in answer.json()["detail"]) == (422, True)
    drawn = lab.send("ann", kind="lesion", polygon=SQUARE).json()
    answer = lab.send("bob", kind="verdict", verdict="accept", lesion_id=drawn["id"], polygon=first["polygon"])
    assert answer.status_code == 422
    assert lab.send("ann", kind="lesion", lesion_id=first["id"], polygon=SQUARE).status_code == 422
    assert len(lab.get("ann", f"{lab.base}/reviews")["reviews"]) == 1


def test_lesions_of_another_threshold_can_be_judged_by_their_id(lab):
    for lesion in lab.get("ann", f"{lab.base}/lesions?threshold=0.92")["lesions"]:
        body = {"lesion_id": lesion["id"], "polygon": lesion["polygon"]}
        assert lab.send("ann", kind="verdict", verdict="accept", **body).status_code == 201


def comb(*, upright):
    """A simple line that runs to and fro 600 times across 2,000 px."""
    step = np.arange(1200)
    across, along = np.where(step % 4 < 2, 100, 2100), step // 2 * 3.0
    ring = [*np.c_[across, along].tolist(), [50, float(along[-1])], [50, 0.0], [100, 0.0]]
    return {"type": "Polygon", "coordinates": [[place[::-1] for place in ring] if upright else ring]}


def test_outlines_that_would_take_minutes_to_lay_over_each_other_are_refused(lab):
    assert lab.send("ann", kind="verdict", verdict="accept", polygon=comb(upright=True)).status_code == 201
    crossing = {"kind": "verdict", "verdict": "reject", "polygon": comb(upright=False)}
    for name in ("ann", "bob"):
        answer = lab.send(name, **crossing)
        assert (answer.status_code, "draw it simpler" in answer.json()["detail"]) == (422, True)
    assert (
        lab.send("bob", kind="verdict", comment="a comment is no vote", polygon=comb(upright=False)).status_code == 201
    )
    rows = [
        SimpleNamespace(**{**one, "author": name, "number": number, "id": str(number), "lesion_id": None}, undone=False)
        for number, (name, one) in enumerate([("ann", {**crossing, "polygon": comb(upright=True)}), ("bob", crossing)])
    ]
    with pytest.raises(Problem, match="an admin undoes what is too much"):  # two that came at the same moment
        consensus_fields(rows)


def test_a_reviewer_may_change_their_mind_as_often_as_they_like(lab):
    for _ in range(30):
        lab.judge("ann", "accept")
        lab.judge("ann", "reject")
    assert lab.outcomes() == [("rejected", [], ["ann"])]


@pytest.mark.parametrize("comment", ["\ud800", "a\0b", "\u202e", "]]><x>&\"'"])
def test_a_comment_of_any_letters_is_kept_or_refused(lab, comment):
    body = json.dumps({"kind": "lesion", "polygon": SQUARE, "comment": comment})
    headers = {**lab.headers["ann"], "content-type": "application/json"}
    answer = lab.client.post(f"{lab.base}/reviews", content=body, headers=headers)
    assert answer.status_code in (201, 422)
    for kind in ("geojson", "xml"):
        assert lab.export(kind).status_code == (200 if answer.status_code == 201 else 409)
