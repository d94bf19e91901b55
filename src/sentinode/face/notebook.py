"""How results look in a notebook: small tables and pictures, without a script or a style from elsewhere."""

import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.messages import plural

_ROWS = 20
"""Rows of a longer table that are shown, with how many there are."""


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table of the first rows; what comes in is text, not HTML."""
    cells = [[_shown(cell) for cell in row] for row in rows]
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells[:_ROWS])
    more = f"<p>{plural(len(cells) - _ROWS, 'more row')}</p>" if len(cells) > _ROWS else ""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{words}<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>{more}"


def _shown(cell: object) -> str:
    return escape(f"{cell:.3f}" if isinstance(cell, float) else "–" if cell is None else str(cell))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 3) uint8 as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
