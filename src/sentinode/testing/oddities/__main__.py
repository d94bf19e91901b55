"""Write odd inputs, and check that each is read right or refused.

    python -m sentinode.testing.oddities [--keep FOLDER] [PART OF A NAME ...]

Exit status 1 where one is neither. With `--keep` the files stay, so that other programs can be tried on them.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sentinode.testing.oddities.oddity import Verdict, judge
from sentinode.testing.oddities.oddity_table import ODDITIES


def main(words: Sequence[str] | None = None) -> int:
    """Judge the odd inputs, print a line for each, and give the exit status."""
    options = _options(words)
    chosen = [each for each in ODDITIES if not options.names or any(part in each.name for part in options.names)]
    if not chosen:
        sys.stderr.write(f"no odd input is called {' or '.join(options.names)}\n")
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        verdicts = [judge(oddity, folder / oddity.name) for oddity in chosen]
    counts = Counter(verdict.outcome for verdict in verdicts)
    total = f"{counts['read right']} read right, {counts['refused']} refused, {counts['wrong']} wrong"
    sys.stdout.write("\n".join([*map(_line, verdicts), total, ""]))
    return int(counts["wrong"] > 0)


def _line(verdict: Verdict) -> str:
    said = f" — {verdict.detail}" if verdict.detail else ""
    return f"{verdict.outcome:10}  {verdict.oddity.name}: {verdict.oddity.about}{said}"


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="only inputs whose name has one of these parts")
    parser.add_argument("--keep", type=Path, help="a new folder for the files")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
