import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sentinode.core.errors import EvaluationError
from sentinode.metrics.decisions.rules import parse_rule
from sentinode.metrics.decisions.thresholds import choose_threshold, threshold_table
from sentinode.metrics.measures.rates import confusion_matrix, derived


def sample(n=2000, seed=0, separation=2.5):
    rng = np.random.default_rng(seed)
    truths = rng.integers(0, 2, n)
    return truths, 1 / (1 + np.exp(-rng.normal((truths - 0.5) * separation, 1)))


def rates(truths, scores, threshold):
    found = derived(np.ravel(confusion_matrix(truths, scores, threshold)))
    return float(found["sensitivity"]), float(found["specificity"]), float(found["f1"])


tied = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=50).filter(
    lambda rows: 0 < sum(positive for positive, _ in rows) < len(rows)
)


def unpacked(rows):
    return np.array([int(positive) for positive, _ in rows]), np.array([score for _, score in rows]) / 12


def candidates(scores):
    distinct = np.unique(scores)
    return [-1.0, *((distinct[1:] + distinct[:-1]) / 2).tolist(), 2.0]


@given(tied, st.sampled_from([0.5, 0.8, 0.95]))
def test_the_rule_holds_at_the_best_other_rate(rows, level):
    truths, scores = unpacked(rows)
    for rule, own, other in ((f"sensitivity>={level}", 0, 1), (f"specificity>={level}", 1, 0)):
        point = choose_threshold(truths, scores, rule)
        found = rates(truths, scores, point.value)
        assert found[own] >= level
        possible = [rates(truths, scores, cut) for cut in candidates(scores)]
        assert found[other] == max(rate[other] for rate in possible if rate[own] >= level)


@given(tied)
def test_youden_and_f1_are_the_largest_there_are(rows):
    truths, scores = unpacked(rows)
    possible = [rates(truths, scores, cut) for cut in candidates(scores)]
    youden = rates(truths, scores, choose_threshold(truths, scores, "youden").value)
    assert youden[0] + youden[1] == pytest.approx(max(rate[0] + rate[1] for rate in possible))
    f1 = rates(truths, scores, choose_threshold(truths, scores, "f1").value)
    assert f1[2] == pytest.approx(max(rate[2] for rate in possible))


@given(tied, st.sampled_from(["sensitivity>=0.9", "specificity>=0.9", "youden", "f1"]))
def test_float_noise_flips_nothing(rows, rule):
    truths, scores = unpacked(rows)
    scores = (scores * 0.9 + 0.05).astype(np.float32)
    point = choose_threshold(truths, scores, rule)
    assert not np.isin(point.value, scores)
    exact = confusion_matrix(truths, scores, point.value)
    for noise in (-1e-4, 1e-4):
        assert confusion_matrix(truths, scores + noise, point.value) == exact


def test_equal_shares_count_as_met_despite_binary_fractions():
    # 46 of 50 is 0.92, and 0.9 + 0.02 is a little more than 0.92 in binary.
    truths = np.repeat([1, 0], 50)
    scores = np.concatenate([np.linspace(0.3, 0.9, 50), np.linspace(0.0, 0.2, 50)])
    point = choose_threshold(truths, scores, "sensitivity>=0.9+0.02")
    assert point.sensitivity.value == 46 / 50


@pytest.mark.parametrize("kind", ["sensitivity", "specificity"])
def test_a_bound_is_the_exact_one_and_no_stricter_than_needed(kind):
    truths, scores = sample()
    point = choose_threshold(truths, scores, f"{kind}>=0.95@lower95")
    metric = point.sensitivity if kind == "sensitivity" else point.specificity
    right = round(metric.value * metric.n)
    assert stats.beta.ppf(0.05, right, metric.n - right + 1) >= 0.95
    assert stats.beta.ppf(0.05, right - 1, metric.n - right + 2) < 0.95
    assert (
        point.method
        == f"exact lower bound {stats.beta.ppf(0.05, right, metric.n - right + 1):.4f} with {right} of {metric.n}"
    )


def test_on_new_samples_the_bound_holds_as_often_as_it_says_and_the_estimate_about_half_the_time():
    held = {"sensitivity>=0.9": 0, "sensitivity>=0.9@lower90": 0, "sensitivity>=0.9+0.03": 0}
    for seed in range(200):
        truths, scores = sample(600, seed)
        for rule in held:
            threshold = choose_threshold(truths, scores, rule).value
            # The true sensitivity: positive logits are normal around 1.25.
            held[rule] += stats.norm.sf(np.log(threshold / (1 - threshold)), 1.25) >= 0.9
    assert 60 <= held["sensitivity>=0.9"] <= 140
    assert held["sensitivity>=0.9@lower90"] >= 170
    assert held["sensitivity>=0.9+0.03"] >= 160


def test_over_groups_the_bound_allows_for_slides_that_differ():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 50)
    truths = rng.integers(0, 2, 2000)
    logits = rng.normal((truths - 0.5) * 3 + rng.normal(0, 1, 40)[groups], 1)
    scores = 1 / (1 + np.exp(-logits))
    rule = "sensitivity>=0.9@lower95"
    alone = choose_threshold(truths, scores, rule)
    names = [f"slide {group}" for group in groups]
    grouped = choose_threshold(truths, scores, rule, names)
    assert grouped.value < alone.value
    assert grouped.method.endswith("in 0.95 of 1000 bootstrap resamples over 40 groups")
    # By the definition: of fresh resamples of the slides, 95 % keep the sensitivity.
    kept = 0
    for seed in range(400):
        drawn = np.random.default_rng(1000 + seed).multinomial(40, np.full(40, 1 / 40))[groups]
        found = (drawn * truths * (scores >= grouped.value)).sum() / (drawn * truths).sum()
        kept += found >= 0.9
    assert 0.92 <= kept / 400 <= 0.98
    mirrored = choose_threshold(1 - truths, 1 - scores, "specificity>=0.9@lower95", names)
    assert mirrored.value == pytest.approx(1 - grouped.value)
    # Groups play no part in a plain estimate.
    assert choose_threshold(truths, scores, "sensitivity>=0.9", names) == choose_threshold(
        truths, scores, "sensitivity>=0.9"
    )


def test_equal_groups_do_not_weaken_the_exact_bound():
    truths, scores = sample(400)
    names = [str(index) for index in range(400)]
    alone = choose_threshold(truths, scores, "sensitivity>=0.9@lower95")
    assert choose_threshold(truths, scores, "sensitivity>=0.9@lower95", names).value <= alone.value
    few = choose_threshold(truths, scores, "sensitivity>=0.9@lower95", [str(index % 3) for index in range(400)])
    assert few.method.endswith("3 groups (too few groups for a bound that can be trusted)")


def test_a_bound_that_no_number_of_right_answers_reaches():
    truths = np.repeat([0, 1], [100, 40])
    scores = np.linspace(0.1, 0.9, 140)
    with pytest.raises(EvaluationError, match=r"40 positive .*0\.928.*59"):
        choose_threshold(truths, scores, "sensitivity>=0.95@lower95")
    with pytest.raises(EvaluationError, match=r"100 negative samples .* at least 299"):
        choose_threshold(truths, scores, "specificity>=0.99@lower95")
    enough = choose_threshold(np.repeat([0, 1], [100, 59]), np.linspace(0.1, 0.9, 159), "sensitivity>=0.95@lower95")
    assert enough.sensitivity.value == 1


def test_thresholds_at_the_ends_of_the_scores():
    everything = choose_threshold([1, 0, 1], [0.2, 0.6, 0.6], "sensitivity>=0.95")
    assert 0 < everything.value < 0.2
    nothing = choose_threshold([1, 0, 0], [0.2, 0.6, 1.0], "specificity>=0.95")
    assert nothing.value > 1
    assert nothing.specificity.value == 1
    zero = choose_threshold([1, 0], [0.0, 0.5], "sensitivity>=0.95")
    assert zero.value == 0.0
    assert zero.sensitivity.value == 1


def test_scores_with_nothing_between_them_are_still_parted():
    low = 0.5
    point = choose_threshold([0, 1], [low, np.nextafter(low, 1)], "youden")
    assert (point.sensitivity.value, point.specificity.value) == (1, 1)


@pytest.mark.parametrize(
    ("truths", "scores", "groups", "message"),
    [
        ([1, 1], [0.1, 0.2], None, "2 of 2 validation samples are positive; a threshold needs both classes"),
        ([], [], None, "0 of 0 validation samples"),
        ([0, 1], [0.1], None, "do not match"),
        ([0, 1], [0.1, 0.2], ["a"], "1 groups do not match"),
        ([0, 1], [0.1, np.nan], None, "probabilities"),
        ([0, 1], [-0.1, 3.0], None, "probabilities"),
    ],
)
def test_samples_that_no_rule_can_use(truths, scores, groups, message):
    with pytest.raises(EvaluationError, match=message):
        choose_threshold(truths, scores, "youden", groups)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sensitivty>=0.95", "is unknown; give 'sensitivity>=0.95'"),
        ("", "is unknown"),
        ("sensitivity>0.95", "is unknown"),
        ("sensitivity>=0.95+0.02@lower95", "is unknown"),
        ("sensitivity>=0.95@upper95", "is unknown"),
        ("sensitivity>=.95", "is unknown"),
        ("Youden", "is unknown"),
        ("sensitivity>=0.95\n", "is unknown"),
        ("sensitivity>=95", "the level is 95; give a share between 0 and 1"),
        ("specificity>=0", "the level is 0;"),
        ("sensitivity>=0.95+0.05", "level and margin make 1; they have to stay below 1"),
        ("sensitivity>=0.95@lower100", "the confidence is 100 %"),
        ("sensitivity>=0.95@lower0.95", "the confidence is 0.95 %; give more than 50"),
    ],
)
def test_rules_that_are_none(text, message):
    with pytest.raises(EvaluationError, match=message):
        parse_rule(text)


def test_rules_that_are():
    rule = parse_rule("specificity>=0.9@lower97.5")
    assert (rule.kind, rule.level, rule.margin, rule.confidence) == ("specificity", 0.9, 0, 0.975)
    assert parse_rule("sensitivity>=0.95+0.02").aim == 0.97
    assert parse_rule("f1").kind == "f1"


def test_the_table_has_the_operating_threshold_among_round_ones():
    truths, scores = sample(500)
    table = threshold_table(truths, scores, 0.3217)
    thresholds = [row.threshold for row in table]
    assert thresholds == sorted(thresholds)
    assert [row.threshold for row in table if row.operating] == [0.3217]
    for row in table:
        assert row.confusion_matrix == confusion_matrix(truths, scores, row.threshold)
        (tn, fp), (fn, tp) = row.confusion_matrix
        assert row.sensitivity.value == tp / (tp + fn)
        assert row.precision.n == tp + fp
        assert row.specificity.n == tn + fp
        assert row.npv.n == tn + fn
    assert len(threshold_table(truths, scores, 0.5)) == len(table) - 1


def test_the_point_says_what_it_gave_where_it_was_chosen():
    truths, scores = sample()
    point = choose_threshold(truths, scores, "sensitivity >= 0.95", split="fold 3")
    assert (point.rule, point.split, point.n, point.positives) == ("sensitivity>=0.95", "fold 3", 2000, truths.sum())
    assert 0.95 <= point.sensitivity.value < 0.952
    assert point.sensitivity.low < 0.95
    assert point.specificity.value == rates(truths, scores, point.value)[1]
