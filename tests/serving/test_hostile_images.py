"""Images that want to be decoded for minutes, against a server's own process, and what decodes the unusual."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import encoded, pixels
from helpers.server_process import FORM, form
from sentinode.serving.serve_config import Limits
from sentinode.serving.uploads.image_upload import is_usual, measure_upload
from sentinode.testing.hostile_images import png_with_second_header, repeated_scans, tiff_of_directories


@pytest.fixture
def besieged(besieged_by_all):
    """One server for all attacks, as it would have in life: what one leaves behind, the next would show."""
    return besieged_by_all()


def _saved(side, kind, **options):
    out = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 120, np.uint8)).save(out, kind, **options)
    return out.getvalue()


def test_what_would_be_decoded_for_minutes_is_refused_at_once(besieged):
    hostile = {
        "scans": (repeated_scans(3900, 3900, 1000), 422, "1,000 scans"),
        "directories": (tiff_of_directories(80_001), 422, "100 pages or more"),
        "second header": (png_with_second_header(30, 30, 9000, 9000), 422, "second header"),
    }
    with besieged.attacked():
        for name, (content, expected, said) in hostile.items():
            for path in ("/predict", "/predict?resize=true", "/explain"):
                status, body = besieged.answer("POST", path, form(content), FORM)
                assert (status, said in json.loads(body)["detail"]) == (expected, True), (name, path, body)


def test_a_large_image_is_decoded_beside_the_server(besieged):
    content = _saved(3900, "JPEG", progressive=True)
    with besieged.attacked():
        assert besieged.status("POST", "/predict?resize=true", form(content), FORM) == 200
        assert besieged.server.worker("image_child") is not None
        assert besieged.peak_mib() < 150  # the pixels alone, and no decoder


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_patches_are_usual_and_what_is_large_is_not(kind):
    patch = encoded(pixels(1), kind)
    assert is_usual(patch, measure_upload(patch, Limits()))
    large = _saved(2000, kind)
    assert not is_usual(large, measure_upload(large, Limits()))


@pytest.mark.parametrize(
    "content",
    [_saved(96, "TIFF", compression="jpeg"), repeated_scans(512, 512, 99), b"BM" + bytes(28) + b"\1" + bytes(9)],
)
def test_what_is_stored_in_an_unusual_way_is_not_usual(content):
    assert not is_usual(content, (512, 512))


def test_what_a_process_decodes_is_what_a_thread_decodes(client, monkeypatch):
    content = encoded(pixels(3))
    usual = client.post("/predict?resize=true", files={"file": ("a.tif", encoded(pixels(3), "TIFF"))}).json()
    monkeypatch.setattr("sentinode.serving.uploads.image_decoder.is_usual", lambda *_: False)
    beside = client.post("/predict?resize=true", files={"file": ("a.tif", encoded(pixels(3), "TIFF"))}).json()
    assert beside["probabilities"] == usual["probabilities"]
    damaged = client.post("/predict", files={"file": ("a.jpg", encoded(pixels(3), "JPEG")[:-40] + b"\xff\xd9")})
    assert damaged.status_code in (200, 422)
    assert client.post("/predict", files={"file": ("a.png", content)}).status_code == 200


def test_decoding_that_takes_too_long_is_ended(start, monkeypatch):
    client = start(limits=Limits(decode_s=0.01))
    monkeypatch.setattr("sentinode.serving.uploads.image_decoder.is_usual", lambda *_: False)
    answer = client.post("/predict?resize=true", files={"file": ("a.jpg", _saved(3900, "JPEG", progressive=True))})
    assert answer.status_code == 422
    assert "took longer than 0.01 s" in answer.json()["detail"]
    assert client.post("/predict", files={"file": ("a.png", encoded(pixels(3)))}).status_code == 200
