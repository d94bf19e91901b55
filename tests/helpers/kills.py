"""Work that is killed and asked for again ends with the bytes of work that was not."""

import itertools
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

Words = Callable[[Path], tuple[object, ...]]
"""The command that writes into a folder."""
Content = Callable[[Path], dict[str, Any]]
"""What of a folder has to be the same."""


def killed_once_it_goes_on(
    launch: Any, words: Words, content: Content, slide: Path, tmp_path: Path, *, kills: int, moments: int
) -> dict[str, Any]:
    """Kill the command once in each of `kills` parts of its work, of more than `moments`; gives what it ends with."""
    unbroken = tmp_path / "unbroken"
    whole = launch(*words(unbroken), watch=[str(unbroken), str(slide)])
    assert whole.status == 0, whole.output
    expected = content(unbroken)
    assert whole.moments > moments
    chosen = random.Random(4)
    edges = [round(whole.moments * part / kills) for part in range(kills + 1)]
    for number, (first, last) in enumerate(itertools.pairwise(edges)):
        out, moment = tmp_path / f"killed{number}", chosen.randrange(first, last)
        killed = launch(*words(out), watch=[str(out), str(slide)], kill_at=moment)
        assert killed.status == -signal.SIGKILL, moment
        again = launch(*words(out))
        assert again.status == 0, again.output
        assert content(out) == expected, f"killed at moment {moment} of {whole.moments}"
    return expected


def killed_again_and_again_it_gets_on(launch: Any, words: Words, content: Content, tmp_path: Path) -> None:
    """Kill the command at a random moment until it has ended before one."""
    unbroken, out = tmp_path / "unbroken", tmp_path / "killed"
    whole = launch(*words(unbroken), watch=[str(unbroken)])
    chosen, kills = random.Random(7), 0
    while launch(*words(out), watch=[str(out)], kill_at=chosen.randrange(whole.moments)).status:
        kills += 1
        assert kills < 50, "it never ends"
    assert kills
    assert content(out) == content(unbroken)
