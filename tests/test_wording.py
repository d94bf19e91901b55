"""A number and its noun agree: `1 target`, `2 targets`. What counts things goes through `core.messages.plural`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sentinode

_PACKAGE = Path(sentinode.__file__).parent
_NOUNS = (
    "images samples slides tiles patches files groups folds targets metastases lesions suspects places features trials "
    "models patients labels rows scans seeds outlines classes pages elements tensors regions pairs annotations points"
)
_COUNTED = re.compile(rf" (?:\w+ )?({'|'.join(_NOUNS.split())})\b")
_NEVER_ONE = {
    "len(_SPLITS)", "len(FEATURES)", "len(self.class_names)", "len(parts)", "len(found)", "len(findings)",
}  # fmt: skip
"""Lengths of constants, and of what is refused because there are several."""
_A_COUNT = re.compile(
    r"(len|sum|int)\(.+\)|.+\.(n|slides|patients|images|suspects|metastases|planned|unreadable|added)"
)


def _miscounted(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                continue
            counted, found = ast.unparse(value.value), _COUNTED.match(text.value)
            if found and _A_COUNT.fullmatch(counted) and counted not in _NEVER_ONE:
                yield f"{path.relative_to(_PACKAGE)}:{value.lineno}: {{{counted}}} {found[1]}"


def test_numbers_agree_with_what_they_count() -> None:
    assert [line for path in sorted(_PACKAGE.rglob("*.py")) for line in _miscounted(path)] == []
