"""Uploads that want to do harm, or are not what they say."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import encoded, pixels
from sentinode.serving.problems import Problem
from sentinode.serving.serve_config import Limits
from sentinode.serving.uploads.image_upload import decode_upload

LIMITS = Limits()


@pytest.fixture
def client(shared_client):
    return shared_client


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width, height, data):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _bomb(width, height):
    """An honest PNG of black pixels: kilobytes that decode to hundreds of megabytes."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 3 * width)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return _png(width, height, data)


def _zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("run.js", "alert(1)")
    return out.getvalue()


def _status(content):
    with pytest.raises(Problem) as caught:
        decode_upload(content, LIMITS)
    return caught.value.status


def test_a_png_of_100_megapixels_is_refused_before_it_is_decoded():
    content = _bomb(10_000, 10_000)
    assert len(content) < 1 << 20
    tracemalloc.start()
    assert _status(content) == 413
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_header_that_lies_about_its_size_is_refused():
    assert _status(_png(30, 30, zlib.compress(b"\0" * 10))) == 422


@pytest.mark.parametrize("claim", [(2**31 - 1, 2**31 - 1), (0, 5), (65_536, 65_536)])
def test_a_bomb_by_its_header_alone(claim):
    assert _status(_png(*claim, zlib.compress(b""))) in (413, 422)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("tail", ["zip", "html"])
def test_a_polyglot_is_refused(kind, tail):
    content = encoded(pixels(1), kind)
    added = _zip() if tail == "zip" else b"<html><script>alert(1)</script></html>"
    if kind == "BMP" and tail == "html":
        pytest.skip("a BMP may be followed by anything; no reader of HTML begins at its first bytes")
    assert _status(content + added) == 422


def test_a_tiff_that_is_a_zip_too_is_refused():
    assert _status(encoded(pixels(1), "TIFF") + _zip()) == 422


def test_a_jpeg_with_another_end_behind_the_added_file_is_refused():
    assert _status(encoded(pixels(1), "JPEG") + b"<script>1</script>\xff\xd9") == 422


def test_a_jpeg_that_is_a_pdf_too_is_refused():
    content = encoded(pixels(1), "JPEG")
    comment = b"%PDF-1.4 1 0 obj"
    assert _status(content[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + content[2:]) == 422


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<svg/>",
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"MZ\x90\x00",
        b"\x00" * 100,
    ],
)
def test_what_is_no_image_of_a_known_format_is_refused(content):
    assert _status(content) == 415


def test_an_empty_file_is_refused():
    assert _status(b"") == 422


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.97])
def test_a_truncated_file_is_refused(kind, part):
    content = encoded(pixels(1), kind)
    cut = content[: int(len(content) * part)]
    assert _status(cut) in (415, 422)


def test_animations_are_refused():
    frames = [Image.fromarray(pixels(seed)) for seed in range(3)]
    for kind in ("PNG", "WEBP", "TIFF"):
        out = io.BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:])
        assert _status(out.getvalue()) == 422


def test_padding_with_zeros_is_no_polyglot():
    image = pixels(1)
    np.testing.assert_array_equal(decode_upload(encoded(image) + b"\0" * 7, LIMITS), image)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\b.png", "..", "a\x00.png"])
def test_a_path_as_a_file_name_is_refused(client, name):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n\r\n'
        + encoded(pixels(1)) + b"\r\n--b--\r\n"
    )  # fmt: skip
    answer = client.post("/predict", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (b"junk", "multipart/form-data; boundary=b", 400),
        (b"junk", "multipart/form-data", 415),
        (b"{}", "application/json", 415),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1',
            "multipart/form-data; boundary=b",
            400,
        ),
        (b"x", f"multipart/form-data; boundary={'b' * 500}", 400),
    ],
)
def test_a_damaged_form_is_refused(client, body, kind, status):
    assert client.post("/predict", content=body, headers={"content-type": kind}).status_code == status


def test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not(start):
    client = start(limits=Limits(image_bytes=1000))
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/predict", content=b"x" * 100_000, headers=kind).status_code == 413
    assert client.post("/predict", content=iter([b"x" * 60_000] * 2), headers=kind).status_code == 413


def test_all_bodies_together_are_bounded(start):
    client = start(limits=Limits(body_bytes_at_once=1000))
    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post("/predict", content=b"x" * 2000, headers=kind)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
