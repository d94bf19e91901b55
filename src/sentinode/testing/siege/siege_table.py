"""What honest clients saw when it was calm and under attack, side by side."""

from collections.abc import Mapping

from sentinode.testing.siege.besiegers import Tally
from sentinode.testing.siege.honest_clients import Seen

SLOWER = 3.0
"""Under attack the 95th percentile stays below so many times the calm one."""
UNNOTICED_S = 0.03
"""What a busy machine lets any program wait for its turn; no person notices it."""


def slower(calm: Seen, attacked: Seen) -> float:
    """The 95th percentile under attack, in calm ones."""
    return quantile(attacked.seconds, 0.95) / quantile(calm.seconds, 0.95)


def kept_waiting(calm: Seen, attacked: Seen) -> bool:
    """Whether clients wait for much longer than when it is calm, and long enough to notice."""
    return slower(calm, attacked) >= SLOWER and quantile(attacked.seconds, 0.95) > UNNOTICED_S


def held(calm: Mapping[str, Seen], attacked: Mapping[str, Seen]) -> bool:
    """Whether honest clients were served all the time, and not much more slowly."""
    faults = any(seen.faults for seen in (*calm.values(), *attacked.values()))
    return not faults and not any(kept_waiting(calm[kind], seen) for kind, seen in attacked.items())


def table(calm: Mapping[str, Seen], attacked: Mapping[str, Seen]) -> str:
    """A line for each kind of request; times in ms."""
    lines = ["honest request      number  faults  p50 calm  p50 attacked  p95 calm  p95 attacked  ratio"]
    for kind, seen in attacked.items():
        before, ratio = calm[kind], slower(calm[kind], seen)
        times = [quantile(one.seconds, part) * 1e3 for part in (0.5, 0.95) for one in (before, seen)]
        counts = f"{len(before.seconds) + len(seen.seconds):>6}  {len(before.faults) + len(seen.faults):>6}"
        shown = "  ".join(f"{value:>{width}.1f}" for value, width in zip(times, (8, 12, 8, 12), strict=True))
        lines.append(f"{kind:<18}  {counts}  {shown}  {ratio:>5.2f}")
        lines += [f"    {fault}" for fault in sorted({*before.faults, *seen.faults})]
    return "\n".join(lines)


def attacks_table(tally: Tally) -> str:
    """A line for each attack: what it was answered, and how often."""
    lines = [
        f"{name:<18}  {', '.join(f'{answer} × {count}' for answer, count in sorted(answers.items()))}"
        for name, answers in tally.items()
    ]
    return "\n".join(["attack              answers", *lines])


def quantile(values: list[float], part: float) -> float:
    """Of sorted values the one at that part of their number."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
