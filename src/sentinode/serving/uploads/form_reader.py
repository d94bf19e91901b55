"""Multipart forms as their bytes come (RFC 7578), by the library's parser; who reads one keeps what they want of it."""

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sentinode.serving.problems import Problem


class FormReader:
    """Takes the parser's callbacks; a subclass overrides what it needs of `begin`, `headed`, `data` and `end`."""

    def __init__(self, boundary: bytes) -> None:
        """Begin a form.

        Raises:
            Problem: 400, the boundary can't be used.
        """
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        callbacks: Any = {
            "on_part_begin": self._on_begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self.headed,
            "on_part_data": self.data,
            "on_part_end": self.end,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except (FormParserError, ValueError) as error:
            raise Problem(400, f"the form's boundary can't be used ({error}); send the request again") from error

    def take(self, content: bytes) -> None:
        """The next bytes.

        Raises:
            Problem: 400, they are no form.
        """
        try:
            self._parser.write(content)
        except (FormParserError, ValueError) as error:
            raise Problem(400, f"the form is damaged ({error}); send the request again") from error

    def check_ended(self) -> None:
        """No more bytes come.

        Raises:
            Problem: 400, it is cut off.
        """
        if not self._ended:
            raise Problem(400, "the form is cut off before its end; send the request again")

    def begin(self) -> None:
        """A part begins."""

    def headed(self) -> None:
        """Its headers are whole; `options` has what they say."""

    def data(self, data: bytes, start: int, end: int) -> None:
        """Some of its content."""

    def end(self) -> None:
        """It is whole."""

    @property
    def options(self) -> dict[bytes, bytes]:
        """What a part's Content-Disposition says: `name`, and of a file its `filename`."""
        return parse_options_header(self._headers.get(b"content-disposition", b""))[1]

    def _on_begin(self) -> None:
        self._headers = {}
        self.begin()

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_end(self) -> None:
        self._ended = True
