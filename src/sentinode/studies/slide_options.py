"""What commands on slides are given in words: a region, and the fields of their configuration."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import one_line

_Config = TypeVar("_Config", bound=BaseModel)


def checked_config(model: type[_Config], region: str | Sequence[int] | None, values: dict[str, Any]) -> _Config:
    """A configuration of the kind `model`.

    Args:
        model: A `TilingConfig`.
        region: `X,Y,W,H` or four numbers, a level-0 rectangle; None: the whole slide.
        values: Its other fields.

    Raises:
        SentinodeError: A field is unknown or wrong, or the region is none.
    """
    try:
        if region is not None:
            parts = region.split(",") if isinstance(region, str) else region
            x0, y0, width, height = (int(part) for part in parts)
            values = {**values, "region": {"x0": x0, "y0": y0, "width": width, "height": height}}
        return model.model_validate(values)
    except ValidationError as error:
        raise SentinodeError(f"{one_line(error)}; see sentinode scan --help") from error
    except (TypeError, ValueError) as error:
        raise SentinodeError(
            f"region is {region!r}; give four whole numbers of level-0 pixels: left,top,width,height"
        ) from error
