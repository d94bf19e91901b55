"""The short way for a form with one file gives what the library's parser gives, or leaves the form to it."""

import asyncio
import contextlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.requests import Request

from sentinode.serving.problems import Problem
from sentinode.serving.uploads import form_upload
from sentinode.serving.uploads.form_upload import Part, plain_file, read_form

_BOUNDARIES = st.text("abcXYZ019'()+_,./:=?-", min_size=1, max_size=70).map(str.encode)
_NAMES = st.text(st.characters(blacklist_characters='"\\\r\n', blacklist_categories=["Cs", "Cc"]), min_size=1)
# Pieces that look like a form's own, so that contents come close to it.
_CONTENTS = st.lists(st.sampled_from([b"\r\n", b"--", b"-", b"b", b"\r\n--b", b"--b--", b"\0\xff", b"PNG"])).map(
    b"".join
)

_TYPE = "multipart/form-data; boundary=b"


def _body(boundary: bytes, head: bytes, content: bytes, end: bytes = b"\r\n") -> bytes:
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n--" + boundary + b"--" + end


def _read(body: bytes, content_type: bytes) -> list[tuple[str, str | None, bytes]] | str:
    request = Request({"type": "http", "headers": [(b"content-type", content_type)]})
    try:
        parts = asyncio.run(read_form(request, body, most_files=1))
    except Problem as problem:
        return f"{problem.status} {problem.detail}"
    return [(part.name, part.file, part.content) for part in parts]


@given(
    boundary=st.one_of(st.just(b"b"), _BOUNDARIES),
    name=_NAMES,
    file=_NAMES,
    content=_CONTENTS,
    end=st.sampled_from([b"", b"\r\n"]),
    typed=st.booleans(),
)
def test_it_agrees_with_the_parser_on_every_form_that_it_takes(
    boundary: bytes, name: str, file: str, content: bytes, end: bytes, typed: bool
) -> None:
    head = f'Content-Disposition: form-data; name="{name}"; filename="{file}"'.encode()
    body = _body(boundary, head + b"\r\nContent-Type: image/png" * typed, content, end)
    content_type = b"multipart/form-data; boundary=" + boundary
    with contextlib.suppress(Problem):  # a file name that is a path, of a form that it takes
        assume(plain_file(content_type.decode(), body) is not None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(form_upload, "plain_file", lambda _content_type, _body: None)
        expected = _read(body, content_type)
    assert _read(body, content_type) == expected


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"\r\n", b"-b--", b"a\r\n-"])
def test_it_takes_what_clients_send(content: bytes) -> None:
    head = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png'
    assert plain_file(_TYPE, _body(b"b", head, content)) == Part("file", "a.png", content)


_HEAD = b'Content-Disposition: form-data; name="file"; filename="a.png"'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        _body(b"b", _HEAD, b"x").removesuffix(b"--\r\n"),
        _body(b"b", _HEAD, b"x") + b"more",
        _body(b"b", _HEAD, b"x\r\n--b\r\n" + _HEAD + b"\r\n\r\ny"),
        _body(b"b", b'Content-Disposition: form-data; name="file"', b"x"),
        _body(b"b", rb'Content-Disposition: form-data; name="file"; filename="a\"b.png"', b"x"),
        _body(b"b", _HEAD + b"\r\nContent-Transfer-Encoding: base64", b"x"),
        _body(b"b", _HEAD + b"\r\nX: " + b"x" * 2000, b"x"),
        b"--b\r\n" + _HEAD + b"\r\n\r\n--b--\r\n",
    ],
)
def test_it_leaves_every_other_form_to_the_parser(body: bytes) -> None:
    assert plain_file(_TYPE, body) is None


@pytest.mark.parametrize(
    "header",
    ["image/png", "multipart/form-data", 'multipart/form-data; boundary="b"', "multipart/form-data; boundary=é"],
)
def test_it_leaves_every_other_header_to_the_parser(header: str) -> None:
    assert plain_file(_TYPE, _body(b"b", _HEAD, b"x")) is not None
    assert plain_file(header, _body(b"b", _HEAD, b"x")) is None
