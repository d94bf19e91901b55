"""Scans as jobs, through a real worker process; what they found; reviews."""

import base64
import io
import json
import os
import time

import numpy as np
import pytest
import shapely
from PIL import Image

from helpers import scan_folders
from sentinode.scanning.scan_folder import open_scan, read_record
from sentinode.scanning.scan_record import LesionRule
from sentinode.serving.routes.answers import attachment
from sentinode.serving.slides.heatmap_tiles import NOT_SCANNED, SURE, HeatmapTiles
from sentinode.slides.annotations.annotation_file import read_annotations


def _wait(client, scan_id, *statuses):
    for _ in range(1200):
        scan = client.get(f"/scans/{scan_id}").json()
        if scan["status"] in statuses:
            return scan
        time.sleep(0.1)
    raise AssertionError(scan)


def _slide_id(client):
    return client.get("/slides").json()["slides"][0]["id"]


@pytest.fixture
def found(config, start):
    """An app that finds a scan of another program's making: 3 lesions on 20 × 12 cells of 200 px."""
    scores = np.full((12, 20), 0.1, np.float32)
    scores[1:4, 1:4] = 0.95
    scores[6:9, 10:14] = 0.92
    scores[10, 18] = 0.6
    scan_folders.write_scan(config.scans / "case", scores, width=4200)  # of which 200 px were not scanned
    client = start()
    return client, client.get("/scans").json()["scans"][0]["id"]


def test_a_scan_from_asking_to_its_lesions(client, config):
    slide_id = _slide_id(client)
    answer = client.post("/scans", json={"slide_id": slide_id})
    assert answer.status_code == 202
    scan = answer.json()
    assert scan["status"] == "queued"
    assert client.get(f"/scans/{scan['id']}/lesions").status_code == 409
    with client.stream("GET", f"/scans/{scan['id']}", headers={"accept": "text/event-stream"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert {line for line in lines if line.startswith("event:")} == {"event: progress"}
    assert events[-1]["status"] == "finished", events[-1]
    assert events[-1] == client.get(f"/scans/{scan['id']}").json()
    record = read_record(config.scans / "one")
    assert events[-1]["slide_score"] == record.slide_score
    assert events[-1]["lesions"] == len(record.lesions)
    assert client.get("/slides").json()["slides"][0]["scan"]["id"] == scan["id"]
    pid = client.app.state.service.jobs.worker_pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1)
    # The same again is the same scan; with other settings it is another one, in a folder of its own.
    assert client.post("/scans", json={"slide_id": slide_id}).json()["id"] == scan["id"]
    again = client.post("/scans", json={"slide_id": slide_id, "stride": 60})
    assert again.status_code == 202
    done = _wait(client, again.json()["id"], "finished", "failed")
    assert done["status"] == "finished", done
    assert done["slide_class"] == "not assessed"  # there are gaps between such tiles
    assert "of its tissue was read" in done["problem"]
    assert (scan["slide_class"], events[-1]["problem"]) == (None, None)
    assert events[-1]["slide_class"] != "not assessed"
    assert read_record(config.scans / "one") == record
    grids = [client.get(f"/scans/{one}/grid").json()["columns"] for one in (scan["id"], done["id"])]
    assert grids[0] > grids[1]


def test_a_scan_that_fails_says_why_and_the_next_one_runs(client, slides, monkeypatch):
    slide_id, jobs = _slide_id(client), client.app.state.service.jobs
    submit, content = jobs.submit, (slides / "one.tif").read_bytes()

    def damaged_meanwhile(*given):
        (slides / "one.tif").write_bytes(content[:2000])
        return submit(*given)

    monkeypatch.setattr(jobs, "submit", damaged_meanwhile)
    scan = client.post("/scans", json={"slide_id": slide_id}).json()
    failed = _wait(client, scan["id"], "failed")
    assert "one.tif" in failed["problem"]
    assert str(slides) not in failed["problem"]
    monkeypatch.undo()
    assert client.post("/scans", json={"slide_id": slide_id}).status_code == 422
    (slides / "one.tif").write_bytes(content)
    assert client.post("/scans", json={"slide_id": slide_id}).status_code == 202


@pytest.mark.parametrize(
    "body", [{}, {"slide_id": "x", "stride": 0}, {"slide_id": "x", "more": 1}, {"slide_id": 5}, []]
)
def test_a_scan_that_can_not_be_asked_for(client, body):
    assert client.post("/scans", json=body).status_code == 422


def test_a_scan_is_cancelled_and_goes_on_when_it_is_asked_for_again(client, config):
    service = client.app.state.service
    scan = client.post("/scans", json={"slide_id": _slide_id(client)}).json()
    cancelled = client.delete(f"/scans/{scan['id']}").json()
    assert cancelled["status"] == "cancelled"
    assert client.delete(f"/scans/{scan['id']}").status_code == 409
    again = client.post("/scans", json={"slide_id": _slide_id(client)})
    assert again.status_code == 202
    assert _wait(client, again.json()["id"], "finished", "failed")["status"] == "finished"
    assert client.get(f"/scans/{scan['id']}").json()["status"] == "cancelled"
    assert service.jobs.progress(scan["id"]) is None


def test_a_scan_cancelled_before_its_process_begins_is_not_begun(client, monkeypatch):
    jobs = client.app.state.service.jobs
    slide_id, plan_of = _slide_id(client), jobs._plan

    def cancelled_meanwhile(model, settings):
        for row in jobs._scans.with_status("running"):
            jobs.cancel(row)
        return plan_of(model, settings)

    monkeypatch.setattr(jobs, "_plan", cancelled_meanwhile)
    scan = client.post("/scans", json={"slide_id": slide_id}).json()
    _wait(client, scan["id"], "cancelled")
    assert jobs.worker_pid is None
    monkeypatch.setattr(jobs, "_plan", plan_of)
    again = client.post("/scans", json={"slide_id": slide_id}).json()
    assert _wait(client, again["id"], "finished", "failed")["status"] == "finished"


def test_scans_outlive_a_database_that_is_away_for_a_moment(client, monkeypatch):
    from sqlalchemy.exc import OperationalError

    from sentinode.serving.scans import scan_jobs as module

    monkeypatch.setattr(module, "_AFTER_A_FAULT_S", 0.01)
    jobs = client.app.state.service.jobs
    with_status, faults = jobs._scans.with_status, []

    def away(*statuses):
        if len(statuses) == 2 and len(faults) < 3:  # as the queue asks, not as a request does
            faults.append(statuses)
            raise OperationalError("select", {}, Exception("gone"))
        return with_status(*statuses)

    monkeypatch.setattr(jobs._scans, "with_status", away)
    scan = client.post("/scans", json={"slide_id": _slide_id(client)}).json()
    assert _wait(client, scan["id"], "finished", "failed")["status"] == "finished"
    assert len(faults) == 3


def test_a_scan_that_ran_when_the_server_ended_goes_on(start, config):
    first = start()
    scan = first.post("/scans", json={"slide_id": _slide_id(first)}).json()
    first.app.state.service.jobs.stop()
    assert first.get(f"/scans/{scan['id']}").json()["status"] in ("queued", "finished")
    second = start()
    assert _wait(second, scan["id"], "finished", "failed")["status"] == "finished"


def test_a_found_scan_is_taken_over_once(found, start):
    client, scan_id = found
    scan = client.get(f"/scans/{scan_id}").json()
    assert (scan["slide_name"], scan["status"], scan["lesions"], scan["slide_class"]) == (
        "case",
        "finished",
        3,
        "micro",
    )
    assert [one["id"] for one in start().get("/scans").json()["scans"]] == [scan_id]


def test_lesions_at_any_threshold(found, config):
    client, scan_id = found
    record = read_record(config.scans / "case")
    assert record.lesion_rule is None or record.lesion_rule == LesionRule()
    own = client.get(f"/scans/{scan_id}/lesions").json()
    assert own["threshold"] == 0.5
    high = client.get(f"/scans/{scan_id}/lesions?threshold=0.9").json()
    assert high["threshold"] == 0.9
    assert len(high["lesions"]) <= len(own["lesions"])
    assert client.get(f"/scans/{scan_id}/lesions").json() == own
    for lesion in own["lesions"]:
        outline = shapely.from_geojson(json.dumps(lesion["polygon"]))
        left, top, right, bottom = outline.bounds
        assert lesion["bounds"] == {"x": left, "y": top, "width": right - left, "height": bottom - top}
        assert lesion["class"] in ("itc", "micro", "macro")
    assert [lesion["rank"] for lesion in own["lesions"]] == list(range(1, len(own["lesions"]) + 1))
    assert client.get(f"/scans/{scan_id}/lesions?threshold=2").status_code == 422


def test_the_grid_and_the_heatmaps_tiles_are_the_scores(found, config):
    client, scan_id = found
    heatmap = open_scan(config.scans / "case").heatmap()
    grid = client.get(f"/scans/{scan_id}/grid").json()
    cells = np.frombuffer(base64.b64decode(grid["probabilities"]), np.uint8).reshape(grid["rows"], grid["columns"])
    assert (grid["step_x"], grid["step_y"], grid["tile_width"]) == (200, 200, 200)
    scanned = np.isfinite(heatmap.values)
    assert (cells[~scanned] == NOT_SCANNED).all()
    assert np.abs(cells[scanned] / SURE - heatmap.values[scanned]).max() <= 0.5 / SURE + 1e-6
    deepest = HeatmapTiles(heatmap, 4200, 2400).pyramid.last
    answer = client.get(f"/scans/{scan_id}/heatmap/deepzoom_files/{deepest}/0_0.png")
    tile = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert tile.shape == (256, 256, 4)
    assert (tile[:200, :200] == tile[0, 0]).all()
    assert (tile[201, 201] != tile[0, 0]).any()  # the cell at (1, 1) is tumour
    corner = client.get(f"/scans/{scan_id}/heatmap/deepzoom_files/{deepest}/16_0.png")
    tile = np.asarray(Image.open(io.BytesIO(corner.content)).convert("RGBA"))
    assert tile.shape == (256, 104, 4)
    assert (tile[..., 3] == 0).all()
    assert client.get(f"/scans/{scan_id}/heatmap/deepzoom_files/{deepest}/17_0.png").status_code == 404
    dzi = client.get(f"/scans/{scan_id}/heatmap/deepzoom.dzi").text
    assert 'Width="4200"' in dzi
    assert 'Format="png"' in dzi


def test_what_a_slide_model_says_and_where_it_looked(config, start):
    scores = np.full((12, 20), 0.1, np.float32)
    scan_folders.write_scan(config.scans / "case", scores, width=4200)
    attention = np.random.default_rng(3).dirichlet(np.ones(240)).reshape(12, 20)
    model = scan_folders.judge_scan(config.scans / "case", attention)
    client = start()
    scan_id = client.get("/scans").json()["scans"][0]["id"]
    answer = client.get(f"/scans/{scan_id}/slide-model").json()["slide_model"]
    assert answer == model.model_dump(mode="json")
    shares = open_scan(config.scans / "case").attention()
    deepest = HeatmapTiles(shares, 4200, 2400).pyramid.last
    tile = client.get(f"/scans/{scan_id}/attention/deepzoom_files/{deepest}/0_0.png")
    assert tile.headers["content-type"] == "image/png"
    indices = np.asarray(Image.open(io.BytesIO(tile.content)))
    assert indices[0, 0] == round(float(attention[0, 0] / attention.max()) * SURE)
    assert indices[0, 255] == round(float(attention[0, 1] / attention.max()) * SURE)
    heatmap = client.get(f"/scans/{scan_id}/heatmap/deepzoom_files/{deepest}/0_0.png")
    assert heatmap.content != tile.content
    assert 'Width="4200"' in client.get(f"/scans/{scan_id}/attention/deepzoom.dzi").text


def test_a_scan_without_a_slide_model_has_no_attention(found):
    client, scan_id = found
    assert client.get(f"/scans/{scan_id}/slide-model").json() == {"slide_model": None}
    for path in ("deepzoom.dzi", "deepzoom_files/3/0_0.png"):
        answer = client.get(f"/scans/{scan_id}/attention/{path}")
        assert answer.status_code == 404
        assert "without a slide model" in answer.json()["detail"]


def test_coarse_tiles_are_means_of_cells():
    from sentinode.scanning.heatmap import Heatmap
    from sentinode.slides.mpp import Mpp

    values = np.array([[0.0, 1.0], [np.nan, np.nan]], np.float32)
    tiles = HeatmapTiles(Heatmap(values, Mpp(50, 50), 100, 100), 200, 200)
    smallest = np.asarray(Image.open(io.BytesIO(tiles.tile(0, 0, 0))))
    assert smallest.tolist() == [[SURE // 2]]


def test_the_heatmap_is_the_clearer_the_lower_its_score():
    from sentinode.scanning.heatmap import Heatmap
    from sentinode.slides.mpp import Mpp

    values = np.array([[0.0, 0.1, 0.5, 1.0, np.nan]], np.float32)
    tiles = HeatmapTiles(Heatmap(values, Mpp(50, 50), 50, 50), 250, 50)
    tile = np.asarray(Image.open(io.BytesIO(tiles.tile(tiles.pyramid.last, 0, 0))).convert("RGBA"))
    *opacities, unscanned = tile[0, 25::50, 3].astype(int).tolist()
    assert opacities == sorted(set(opacities))
    assert opacities[0] < 255 / 4
    assert (opacities[-1], unscanned) == (255, 0)


def test_a_scan_whose_folder_is_gone_is_410(found, config):
    client, scan_id = found
    (config.scans / "case" / "tiles.parquet").unlink()
    answer = client.get(f"/scans/{scan_id}/grid")
    assert answer.status_code == 410
    assert str(config.scans) not in answer.text


# ---- reviews

SQUARE = {"type": "Polygon", "coordinates": [[[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]]}


def test_reviews_are_saved_undone_restored_and_exported(found, tmp_path):
    client, scan_id = found
    base = f"/scans/{scan_id}"
    assert client.get(f"{base}/reviews.xml").status_code == 409
    lesions = client.get(f"{base}/lesions").json()["lesions"]
    accepted, rejected = lesions[0], lesions[1]

    def judge(lesion, verdict):
        body = {"kind": "verdict", "lesion_id": lesion["id"], "verdict": verdict, "polygon": lesion["polygon"]}
        answer = client.post(f"{base}/reviews", json=body)
        assert answer.status_code == 201
        return answer.json()

    judge(accepted, "reject")  # a later verdict goes before it
    judge(accepted, "accept")
    judge(rejected, "reject")
    drawn = client.post(f"{base}/reviews", json={"kind": "lesion", "polygon": SQUARE, "comment": "missed"}).json()
    assert (drawn["author"], drawn["comment"], drawn["undone"]) == ("local", "missed", False)
    by_file = _exported(client, base, tmp_path)
    for annotations in by_file.values():
        expected = shapely.union(_outline(accepted), shapely.from_geojson(json.dumps(SQUARE)))
        assert annotations.tumour.symmetric_difference(expected).area < 1
    assert {region.group for region in by_file["geojson"].regions} == {"Tumor", "rejected"}
    assert "rejected" not in {region.kind for region in by_file["xml"].regions}
    assert client.delete(f"/reviews/{drawn['id']}").json()["undone"]
    assert _exported(client, base, tmp_path)["xml"].tumour.symmetric_difference(_outline(accepted)).area < 1
    assert not client.post(f"/reviews/{drawn['id']}/restore").json()["undone"]
    assert [review["undone"] for review in client.get(f"{base}/reviews").json()["reviews"]] == [False] * 4


def _outline(lesion):
    return shapely.from_geojson(json.dumps(lesion["polygon"]))


def _exported(client, base, folder):
    found = {}
    for kind in ("geojson", "xml"):
        answer = client.get(f"{base}/reviews.{kind}")
        assert answer.headers["content-disposition"] == f'attachment; filename="case.{kind}"'
        path = folder / f"case.{kind}"
        path.write_text(answer.text)
        found[kind] = read_annotations(path)
    return found


def test_a_download_is_named_as_the_slide_whatever_its_letters():
    both = "attachment; filename=\"Knoten ___.xml\"; filename*=UTF-8''Knoten%20%22%C3%B6%22.xml"
    assert attachment('Knoten "ö".xml') == {"Content-Disposition": both}


def test_a_line_that_crosses_itself_is_mended(found):
    client, scan_id = found
    bow = {"type": "Polygon", "coordinates": [[[0, 0, 7], [100, 100, 7], [100, 0, 7], [0, 100, 7], [0, 0, 7]]]}
    saved = client.post(f"/scans/{scan_id}/reviews", json={"kind": "lesion", "polygon": bow}).json()["polygon"]
    polygon = shapely.from_geojson(json.dumps(saved))
    assert (polygon.is_valid, polygon.has_z, polygon.area) == (True, False, 5000)


@pytest.mark.parametrize(
    "change",
    [
        {"polygon": None},
        {"polygon": {}},
        {"polygon": {"type": "Point", "coordinates": [1, 2]}},
        {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}},
        {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}},
        {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], ["a", 1], [2, 2], [0, 0]]]}},
        {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [90_000, 0], [0, 90_000], [0, 0]]]}},
        {"polygon": {"type": "Polygon", "coordinates": []}},
        {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]] * 6000}},
        {"verdict": "accept"},
        {"comment": "x" * 5000},
        {"kind": "other"},
    ],
)
def test_a_review_that_can_not_be_saved(found, change):
    client, scan_id = found
    assert (
        client.post(f"/scans/{scan_id}/reviews", json={"kind": "lesion", "polygon": SQUARE, **change}).status_code
        == 422
    )


def test_a_drawn_lesion_of_less_than_a_pixel_is_refused(found):
    client, scan_id = found
    speck = {"type": "Polygon", "coordinates": [[[1, 1], [1.001, 1], [1.001, 1.001], [1, 1]]]}
    answer = client.post(f"/scans/{scan_id}/reviews", json={"kind": "lesion", "polygon": speck})
    assert answer.status_code == 422
    assert "no area" in answer.json()["detail"]
