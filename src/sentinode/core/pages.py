"""What every room's pages share: the frame and the style in `core/templates`, and how templates are filled."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def page_environment(room: str) -> Environment:
    """Templates of a room (`templates/` in the package `sentinode.ROOM`), which may extend `page.html.j2` of core.

    Everything is escaped, and an unknown name is an error.
    """
    # autoescape=True, not by file ending: names and paths come from other people's data sets.
    return Environment(
        loader=ChoiceLoader([PackageLoader(f"{__package__.rpartition('.')[0]}.{room}"), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
