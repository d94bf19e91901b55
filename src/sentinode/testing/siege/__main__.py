"""Besiege a server on this machine's loopback, and see what its honest clients see of it.

    python -m sentinode.testing.siege URL [--minutes 5] [--token-file FILE]

A fifth of the time is calm; then everything in `attack_table` is done to the server, four attacks at a time. Exit
status 1 where an honest client was refused (a status of 500 and more, or no answer) or its 95th percentile was three
times the calm one or more, and over 30 ms; 2 where there is nothing to besiege. Reviews and predictions are left in the
server: use one made for this, with a slide and, for reviews, a finished scan.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sentinode.testing.siege.besiegers import Besiegers
from sentinode.testing.siege.honest_clients import HonestClients
from sentinode.testing.siege.siege_table import attacks_table, held, table
from sentinode.testing.siege.target import NO_ANSWER, Target, target_of

_CALM = 0.2
_LONGEST_MIN = 120.0


def main(words: Sequence[str] | None = None) -> int:
    """Besiege, print what was seen, and give the exit status."""
    options = _options(words)
    try:
        token = options.token_file.read_text(encoding="utf-8").strip() if options.token_file else None
        target = target_of(options.url, token)
        honest = HonestClients(target)
    except (ValueError, *NO_ANSWER) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return _besieged(target, honest, options.minutes * 60)


def _besieged(target: Target, honest: HonestClients, seconds: float) -> int:
    if len(honest.kinds) < 6:
        sys.stdout.write("the server has no finished scan: no reviews are sent\n")
    calm = honest.ask_for(seconds * _CALM)
    with Besiegers(target, seconds * (1 - _CALM)) as besiegers:
        attacked = honest.ask_for(seconds * (1 - _CALM))
        tally = besiegers.tally()
    good = held(calm, attacked)
    verdict = "held" if good else "did not hold"
    sys.stdout.write("\n\n".join([table(calm, attacked), attacks_table(tally), f"the server {verdict}"]) + "\n")
    return 0 if good else 1


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("url", help="such as http://127.0.0.1:8000")
    parser.add_argument("--minutes", type=_minutes, default=5.0, help=f"0.1 to {_LONGEST_MIN:g}; 5")
    parser.add_argument("--token-file", type=Path, help="a file with the token of a reviewer")
    return parser.parse_args(words)


def _minutes(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= _LONGEST_MIN:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and {_LONGEST_MIN:g}")
    return value


if __name__ == "__main__":
    sys.exit(main())
