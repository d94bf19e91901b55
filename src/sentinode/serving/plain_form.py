"""The form that nearly every client sends to /predict, a single file, taken apart without a parser.

The library's parser calls back for each piece of each header, which took three tenths of the event loop's time for a
prediction. What is not of exactly this shape is left to it.
"""

import re

_BOUNDARY = re.compile(rb"multipart/form-data; ?boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})")
"""RFC 2046 5.1.1, without spaces and quotes."""
_HEAD = re.compile(
    rb'content-disposition: form-data; name="([^"\\\r\n]+)"; filename="([^"\\\r\n]*)"(?:\r\ncontent-type: [^\r\n]*)?',
    re.IGNORECASE,
)
_LONGEST_HEAD = 1024


def plain_boundary(content_type: bytes) -> bytes | None:
    """The boundary in a Content-Type header; None: read the header with the library."""
    found = _BOUNDARY.fullmatch(content_type)
    return found[1] if found else None


def plain_file(body: bytes, boundary: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(field, file name, content) of a body that is a form with one file (RFC 7578); None: use the library."""
    opening, closing = b"--" + boundary + b"\r\n", b"\r\n--" + boundary
    if not body.startswith(opening):
        return None
    blank = body.find(b"\r\n\r\n", len(opening), len(opening) + _LONGEST_HEAD)
    # From two bytes before the content on: where it is empty, the blank line's end begins the next boundary.
    end = body.find(closing, blank + 2) if blank > 0 else -1
    if end < 0 or body[end + len(closing) :] not in (b"--\r\n", b"--"):
        return None
    head = _HEAD.fullmatch(body, len(opening), blank)
    return (head[1], head[2], body[blank + 4 : end]) if head and end >= blank + 4 else None
