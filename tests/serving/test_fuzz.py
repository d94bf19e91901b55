"""Five hundred malformed uploads, and the API's own description turned against it."""

import gc
import io
import random
import resource
import struct
import urllib.error
import urllib.request
import zipfile
import zlib

import numpy as np
import pytest
import schemathesis
import schemathesis.generation.dictionaries
from hypothesis import HealthCheck, settings

from helpers import scan_folders, server_process
from helpers.pictures import encoded, pixels

UPLOADS = 500


def _mutated(content, generator):
    """A real file with a fault of a random kind."""
    kind = generator.randrange(6)
    changed = bytearray(content)
    if kind == 0:
        return bytes(changed[: generator.randrange(len(changed))])
    if kind == 1:
        for _ in range(generator.randrange(1, 40)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
    if kind == 2:  # in the header, where sizes and tables are
        for _ in range(generator.randrange(1, 8)):
            changed[generator.randrange(min(len(changed), 120))] = generator.choice((0, 1, 127, 128, 255))
    if kind == 3:
        place, length = generator.randrange(len(changed)), generator.randrange(1, 200)
        del changed[place : place + length]
    if kind == 4:
        place = generator.randrange(len(changed))
        changed[place:place] = generator.randbytes(generator.randrange(1, 300))
    if kind == 5:
        other = generator.randrange(len(changed))
        changed[other:] = changed[: len(changed) - other]
    return bytes(changed)


def test_500_malformed_uploads_give_no_server_error_and_no_leak(client, request):
    counts, before = {}, 0
    for number, (path, field, content) in enumerate(_malformed(request)):
        status = client.post(path, files={field: ("a.png", content)}).status_code
        counts[status] = counts.get(status, 0) + 1
        if number == UPLOADS // 2:  # by then every library is loaded and every pool has its threads
            gc.collect()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert all(status < 500 for status in counts), counts
    assert counts.get(422, 0) > 50
    gc.collect()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10, f"{grown} KiB more at the end than half way"


def _malformed(request):
    """(path, field, content) of uploads that are mostly no images."""
    originals = [encoded(pixels(seed), kind) for seed in range(4) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP")]
    originals += _real(request)
    generator = random.Random(11)
    for number in range(UPLOADS):
        path = ("/predict", "/predict?resize=true", "/predict/batch")[number % 3]
        yield path, "files" if path.endswith("batch") else "file", _mutated(generator.choice(originals), generator)


def _status(server, path, form):
    request = urllib.request.Request(server.address + path, *form, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture
def server(bundle, slides, tmp_path):
    """A server as a process, with nothing left to load."""
    server = server_process.Server(bundle, slides, tmp_path / "scans", light=True).ready()
    yield server
    assert server.end() == 0
    assert server.complaints() == []


def test_500_malformed_uploads_leave_a_servers_process_as_small_as_it_was(server, request):
    server.predict(encoded(pixels(1)))
    counts, resident = {}, []
    for number, (path, field, content) in enumerate(_malformed(request)):
        status = _status(server, path, (server_process.form(content, field), {"Content-Type": server_process.FORM}))
        counts[status] = counts.get(status, 0) + 1
        if number % 50 == 49:
            resident.append(server.memory_kib("VmRSS"))
    assert all(status < 500 for status in counts), counts
    # The first tenth loads what decodes each format; of what each upload leaves, 450 more would leave 9 times as much.
    assert resident[-1] - resident[0] < 16 << 10, resident


def _png(width, height, rows, bits=1):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    packer, line = zlib.compressobj(9), b"\0" * (1 + (width * bits + 7) // 8)
    body = b"".join(packer.compress(line) for _ in range(rows)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _polyglot(image):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.sh", "true")
    return image + out.getvalue()


def test_hostile_images_over_http_cost_a_servers_process_no_memory(server):
    server.predict(encoded(pixels(1)))
    good = encoded(pixels(2))
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3)).astype(np.uint8)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    hostile = {
        "100 megapixels": (_png(10_000, 10_000, 10_000), {413}),
        # 62 MB behind a header of 30 x 30: what is beyond the image is never unpacked.
        "decompression bomb": (_png(30, 30, 2_000_000, bits=8), {200, 422}),
        "polyglot": (_polyglot(good), {422}),
        "SVG": (svg, {415}),
        "truncated JPEG": (encoded(noise, "JPEG")[:-1000], {422}),
    }
    for name, (content, expected) in hostile.items():
        server.forget_peak()
        before = server.memory_kib("VmRSS")
        form = server_process.form(content), {"Content-Type": server_process.FORM}
        statuses = {_status(server, "/predict?resize=true", form) for _ in range(3)}
        assert statuses <= expected, (name, statuses)
        # A 100-megapixel image has 300 MB; of what is allowed, 16 MiB as a file and 48 MB as pixels are in memory.
        assert server.memory_kib("VmHWM") - before < 24 << 10, name


def _real(request):
    try:
        folder = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:  # generated images do
        return []
    patches = sorted((folder / "pcam-real" / "valid" / "1").glob("*.jpg"))[:5]
    return [path.read_bytes() for path in [*patches, *sorted((folder / "kaggle-tif").glob("*.tif"))[:3]]]


# schemathesis imports parts of itself while it draws, deep in hypothesis' stack, where pytest's rewriting of an import
# fails on Python 3.11 ("AST constructor recursion depth mismatch"): what it needs is imported above.
def test_schemathesis_finds_no_server_error(config, bundle, monkeypatch):
    from sentinode.serving.app import create_app

    scan_folders.write_scan(config.scans / "case", np.full((4, 5), 0.9, np.float32))
    app = create_app(config)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    from starlette.testclient import TestClient

    statuses = set()
    with TestClient(app) as client:
        assert app.state.service.model.wait(60)
        slide_id = client.get("/slides").json()["slides"][0]["id"]
        scan_id = client.get("/scans").json()["scans"][0]["id"]
        known = {"slide_id": slide_id, "scan_id": scan_id}
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(
                max_examples=8, derandomize=True, deadline=None, database=None,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @_given(operation)
            def attack(case):
                for name, value in known.items():
                    # Half of the examples reach a slide or a scan that is there.
                    if name in (case.path_parameters or {}) and len(statuses) % 2:
                        case.path_parameters[name] = value
                response = case.call(session=client)
                statuses.add((case.operation.label, response.status_code))
                # 501: not installed; 503: a queue is full. Both are answers that the description has.
                assert response.status_code < 500 or response.status_code in (501, 503), response.text

            attack()
    assert len({label for label, _ in statuses}) > 25


def _given(operation):
    from hypothesis import given

    return given(case=operation.as_strategy())
