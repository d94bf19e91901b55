"""What votes mean together: as the rule says it, pair by pair; many votes of one outline are worked out as one."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import shapely

from sentinode.serving.reviews import consensus
from sentinode.serving.reviews.consensus import findings_of
from sentinode.serving.reviews.votes import accepts, last_votes


def box(left, top, right, bottom):
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    return {"type": "Polygon", "coordinates": [ring]}


def review(number, author, verdict, polygon, lesion_id=None, kind="verdict"):
    return SimpleNamespace(
        number=number, id=f"r{number}", author=author, kind=kind, verdict=verdict, polygon=polygon,
        lesion_id=lesion_id, undone=False,
    )  # fmt: skip


# ---- the rule, each with each


def left_of(polygon, taken):
    found = shapely.difference(polygon, shapely.union_all(taken))
    kept = [part for part in shapely.get_parts(found) if part.area >= 1]
    return shapely.union_all(kept) if kept else None


def cut(said):
    """Of pairs of a vote and what takes from it: the votes of which something is left."""
    found = [(one, left_of(one[1], taken) if taken else one[1]) for one, taken in said]
    return [(one, left) for (one, _), left in found if left is not None]


def word_by_word(votes):
    """Of one voice: later ones take from earlier ones that they contradict."""
    return cut(
        [
            (vote, [area for other, area in votes[place + 1 :] if accepts(other) != accepts(vote[0])])
            for place, vote in enumerate(votes)
        ]
    )


def about(place, votes):
    found = [one for one, area in votes if shapely.intersection(area, place).area >= 0.5]
    return sorted(one.number for one in found)


def by_the_rule(reviews):
    """(first number, outcome, numbers of the reviews, the adjudication's number, polygon) of each finding."""
    voices = {}
    for vote in last_votes(reviews):
        voice = None if vote.review.kind == "adjudication" else vote.review.author
        voices.setdefault(voice, []).append((vote.review, vote.polygon))
    decided = word_by_word(voices.pop(None, []))
    votes = [vote for own in voices.values() for vote in word_by_word(own)]
    left = cut([(vote, [area for _, area in decided]) for vote in votes])
    sides = [shapely.union_all([area for one, area in left if accepts(one) == side]) for side in (True, False)]
    both = shapely.get_parts(shapely.intersection(*sides))
    disputed = [part for part in both if part.geom_type == "Polygon" and part.area >= 1]
    found = [
        (one.number, "accepted" if accepts(one) else "rejected", about(area, votes), area) for one, area in decided
    ]
    agreed = {}
    for one, area in cut([(vote, disputed) for vote in left]):
        agreed.setdefault((one.lesion_id or one.id, accepts(one)), []).append((one, area))
    for (_, accepted), same in agreed.items():
        area = shapely.union_all([area for _, area in same])
        numbers = sorted(one.number for one, _ in same)
        found.append((numbers[0], "accepted" if accepted else "rejected", numbers, area))
    found += [(about(area, left)[0], "disagreed", about(area, left), area) for area in disputed]
    return found


def random_reviews(seed):
    chance = np.random.default_rng(seed)
    corners = [sorted(chance.choice(9, 2, replace=False) * 2) for _ in range(2 * 6)]
    known = [box(*map(float, (x[0], y[0], x[1], y[1]))) for x, y in zip(corners[::2], corners[1::2], strict=True)]
    found = []
    for number in range(1, 2 + chance.integers(14)):
        kind = ("verdict", "verdict", "lesion", "adjudication")[chance.integers(4)]
        verdict = None if kind == "lesion" else ("accept", "reject")[chance.integers(2)]
        place = int(chance.integers(6))
        lesion_id = None if kind == "lesion" or chance.integers(2) else f"L{place}"
        found.append(review(number, f"u{chance.integers(3)}", verdict, known[place], lesion_id, kind))
    return found


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_findings_are_what_the_rule_says_of_each_pair(first):
    outcomes = set()
    for seed in range(first, first + 50):
        reviews = random_reviews(seed)
        found = findings_of(reviews)
        expected = by_the_rule(reviews)
        key = [(one.outcome, tuple(said.number for said in one.reviews), one.polygon.normalize().wkt) for one in found]
        assert Counter(key) == Counter(
            (outcome, tuple(said), area.normalize().wkt) for _, outcome, said, area in expected
        ), seed
        assert [one.number for one in found] == sorted(one.number for one in found)
        outcomes |= {one.outcome for one in found}
    assert outcomes == {"accepted", "rejected", "disagreed"}


# ---- its cost


@pytest.mark.parametrize("reviewers", [1, 2, 400])
def test_many_votes_on_one_outline_are_worked_out_as_one(reviewers, monkeypatch):
    called = Counter()

    def counted(name):
        plain = getattr(shapely, name)
        monkeypatch.setattr(consensus.shapely, name, lambda *given: (called.update([name]), plain(*given))[1])

    for name in ("difference", "intersection", "union_all"):
        counted(name)
    votes = [
        review(number, f"u{number % reviewers}", ("accept", "reject")[number % 2], box(0, 0, 9, 9))
        for number in range(400)
    ]
    (finding,) = findings_of(votes)
    assert finding.outcome == ("rejected" if reviewers == 1 else "disagreed")
    assert len(finding.reviews) == (1 if reviewers == 1 else 400)
    assert sum(called.values()) < 20


def circle(radius, corners=40):
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = [[5000 + radius * np.cos(angle), 5000 + radius * np.sin(angle)] for angle in angles]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


@pytest.mark.parametrize("kind", ["verdict", "adjudication"])
@pytest.mark.parametrize("reviewers", [1, 2])
def test_outlines_that_lie_in_one_another_are_cut_by_what_is_next(reviewers, kind, monkeypatch):
    given = Counter()

    def counted(name):
        plain = getattr(shapely, name)

        def run(*geometries):
            given.update([name])
            given["corners"] += int(sum(shapely.get_num_coordinates(one).sum() for one in geometries))
            return plain(*geometries)

        monkeypatch.setattr(consensus.shapely, name, run)

    for name in ("difference", "intersection", "union_all"):
        counted(name)
    rings = 120
    votes = [
        review(
            number, f"u{number % reviewers}", ("accept", "reject")[number % 2], circle(4000 - 10 * number), kind=kind
        )
        for number in range(rings)
    ]
    found = findings_of(votes)
    assert len(found) == (2 if reviewers == 2 and kind == "verdict" else rings)
    assert given["corners"] < 12 * rings * 40  # each with each would be 60 times as many as there are
    assert sum(given[name] for name in ("difference", "intersection", "union_all")) < 8 * rings
