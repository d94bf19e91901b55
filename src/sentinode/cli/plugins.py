"""`sentinode plugins`: the parts that there are, ours and those of other packages."""

from sentinode.cli.options import AsJson, answer, say


def plugins(as_json: AsJson = False) -> None:
    """List readers, architectures, explanation methods, losses and metrics, and which package brings each."""
    from sentinode.face.part_list import plugins as list_parts

    parts = list_parts()
    if as_json:
        answer(parts.to_json())
    else:
        say(parts.summary())
