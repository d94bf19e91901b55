"""FROC by hand, and against the organisers' algorithm written out pixel by pixel and threshold by threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import measure

from helpers.froc_cohorts import AT_ITS_RIM, BACKGROUND, IN_TARGET, ON_ITC, cohort, detections, truth
from sentinode.core.errors import EvaluationError
from sentinode.metrics.froc import masks as froc_masks
from sentinode.metrics.froc.curve import GRID, MISSED, RATES, froc, judge
from sentinode.metrics.froc.detections import Detections
from sentinode.metrics.froc.masks import MASK_MPP, evaluation_mask


def test_targets_grow_by_less_than_the_tolerance():
    mask = truth()
    assert mask.labels.shape == (90, 130)
    # 37.5 µm are 3.75 px: three pixels beside the edge, but not diagonally (4.2 px).
    assert mask.labels[40, 52] == mask.labels[40, 30] != 0
    assert mask.labels[40, 53] == 0
    assert mask.labels[17, 30] != 0
    assert mask.labels[17, 7] == 0
    assert mask.isolated.tolist() == [False, True]
    assert mask.targets == 1


def test_a_distance_of_exactly_the_tolerance_is_outside():
    # 37.5 µm are exactly three pixels of 12.5 µm.
    tumour = np.zeros((9, 21), dtype=bool)
    tumour[4, 10] = True
    labels = evaluation_mask(tumour, mpp_x=12.5, mpp_y=12.5).labels
    assert np.flatnonzero(labels[4]).tolist() == [8, 9, 10, 11, 12]


def test_holes_are_filled_and_open_bays_are_not():
    tumour = np.zeros((100, 140), dtype=bool)
    tumour[20:80, 20:80] = True
    tumour[40:60, 40:60] = False  # an excluded area inside
    tumour[0:30, 100:140] = True
    tumour[0:16, 112:128] = False  # reaches the border of the slide
    mask = evaluation_mask(tumour, mpp_x=10, mpp_y=10)
    assert mask.labels[50, 50] == mask.labels[25, 25] != 0
    assert mask.labels[0, 120] == 0
    assert mask.labels[29, 120] != 0


def test_regions_that_touch_by_a_corner_are_one():
    # A pixel of 30 µm keeps its four neighbours (30 µm) and not the diagonal one (42 µm): two plus signs.
    tumour = np.zeros((12, 19), dtype=bool)
    tumour[3, 4] = tumour[4, 7] = True
    apart = tumour.copy()
    apart[4, 7], apart[4, 8] = False, True
    assert len(evaluation_mask(tumour, mpp_x=30, mpp_y=30).isolated) == 1
    assert len(evaluation_mask(apart, mpp_x=30, mpp_y=30).isolated) == 2


def test_isolated_cells_are_told_by_the_major_axis():
    # A bar one pixel high of n pixels has a variance of (n² - 1) / 12, so a major axis of 4 sqrt((n² - 1) / 12) px.
    mask = evaluation_mask(np.eye(1, 200, 0, dtype=bool), mpp_x=10, mpp_y=1000)
    n = np.count_nonzero(mask.labels)
    assert n == 4
    assert mask.major_axis_um == pytest.approx([10 * 4 * np.sqrt((n**2 - 1) / 12)])
    bars = np.zeros((3, 120), dtype=bool)
    bars[1, 3 : 3 + 18] = True  # grown by 3 px each way: 24 px, 276.9 µm
    bars[1, 60 : 60 + 17] = True  # 23 px, 265.3 µm
    mask = evaluation_mask(bars, mpp_x=10, mpp_y=1000)
    assert mask.major_axis_um == pytest.approx([276.887, 265.330], abs=1e-3)
    assert mask.isolated.tolist() == [False, True]


def organisers_mask(tumour, spacing):
    """The official evaluation mask and its isolated cells, step by step as published, in pixels."""
    binary = ndimage.distance_transform_edt(~tumour) < 75 / (spacing * 2)
    labels = measure.label(ndimage.binary_fill_holes(binary), connectivity=2)
    small = [one.label for one in measure.regionprops(labels) if one.axis_major_length < 275 / spacing]
    return labels, small


@pytest.mark.parametrize("band", [7, 512])
def test_masks_agree_with_the_official_steps(monkeypatch, band):
    monkeypatch.setattr(froc_masks, "_BAND_ROWS", band)
    rng = np.random.default_rng(5)
    for _ in range(12):
        shape = (int(rng.integers(20, 90)), int(rng.integers(20, 140)))
        noise = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(1, 6))
        tumour = noise > np.quantile(noise, rng.uniform(0.7, 0.98))
        expected, small = organisers_mask(tumour, MASK_MPP)
        mask = evaluation_mask(tumour, mpp_x=MASK_MPP, mpp_y=MASK_MPP)
        # Numbers may differ, regions may not.
        pairs = np.unique(np.stack([expected.ravel(), mask.labels.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(expected)) == len(np.unique(mask.labels))
        number = dict(pairs.T.tolist())
        assert sorted(number[one] - 1 for one in small) == np.flatnonzero(mask.isolated).tolist()


def test_a_mask_without_tumour_and_one_that_is_no_plane():
    assert evaluation_mask(np.zeros((5, 7), dtype=bool), mpp_x=8, mpp_y=8).targets == 0
    with pytest.raises(EvaluationError, match="plane"):
        evaluation_mask(np.zeros((5, 7, 3), dtype=bool), mpp_x=8, mpp_y=8)


def test_detections_of_a_tumour_slide_by_hand():
    found = detections((*IN_TARGET, 0.6), (*AT_ITS_RIM, 0.8), (*ON_ITC, 0.99), (*BACKGROUND, 0.4))
    slide = judge("tumor_001", found, truth())
    assert slide.targets.tolist() == [0.8]
    assert slide.false_positives.tolist() == [0.4]
    assert (slide.isolated, slide.ignored, slide.repeated) == (1, 1, 1)


def test_no_detection_and_a_normal_slide():
    assert judge("tumor_001", Detections.none(), truth()).targets.tolist() == [MISSED]
    normal = judge("normal_001", detections((*IN_TARGET, 0.6), (*BACKGROUND, 0.4)), None)
    assert (normal.false_positives.tolist(), normal.tumour, len(normal.targets)) == ([0.6, 0.4], False, 0)


def test_places_are_found_to_the_pixel():
    tumour = np.zeros((40, 60), dtype=bool)
    tumour[10:14, 30:40] = True
    mask = evaluation_mask(tumour, mpp_x=MASK_MPP, mpp_y=MASK_MPP)
    rows, columns = np.nonzero(mask.labels)
    for offset in (0, 31):  # the first and the last level-0 pixel of a level-5 pixel
        x_um, y_um = (columns * 32 + offset) * 0.243, (rows * 32 + offset) * 0.243
        assert (mask.regions_at(x_um, y_um) == mask.labels[rows, columns]).all()
    assert mask.regions_at(np.array([60.5 * MASK_MPP]), np.array([0.0])).tolist() == [0]
    with pytest.raises(EvaluationError, match="outside of the slide"):
        mask.regions_at(np.array([10.0, 62 * MASK_MPP]), np.array([10.0, 10.0]))


def test_score_by_hand():
    """Four slides, two targets (0.9 and missed), false positives 0.95, 0.7, 0.7, 0.5, 0.3 over four slides."""
    second = np.zeros((90, 130), dtype=bool)
    second[20:60, 10:50] = True
    slides = [
        judge("a", detections((*IN_TARGET, 0.9), (*ON_ITC, 1.0), (*BACKGROUND, 0.7)), truth()),
        judge("b", detections((*BACKGROUND, 0.95)), evaluation_mask(second, mpp_x=10, mpp_y=10)),
        judge("c", detections((10, 10, 0.7), (20, 20, 0.5), (30, 30, 0.3)), None),
        judge("d", Detections.none(), None),
    ]
    result = froc(slides, resamples=50)
    assert result.curve.thresholds == (None, 0.95, 0.9, 0.7, 0.5, 0.3)
    assert result.curve.false_positives == (0, 0.25, 0.25, 0.75, 1.0, 1.25)
    assert result.curve.sensitivity == (0, 0, 0.5, 0.5, 0.5, 0.5)
    # At exactly 1/4 the highest sensitivity of that rate holds; beyond 1.25 the last.
    assert [metric.value for metric in result.sensitivities] == [0.5] * 6
    assert result.score.value == 0.5
    assert (result.slides, result.tumour_slides, result.targets, result.isolated) == (4, 2, 2, 1)
    assert result.detections == 7


def test_between_points_the_sensitivity_is_interpolated():
    """One slide, target 0.5 tied with one false positive, none above: (0, 0) to (1, 1) in a straight line."""
    result = froc([judge("a", detections((*IN_TARGET, 0.5), (*BACKGROUND, 0.5)), truth())], resamples=10)
    assert [metric.value for metric in result.sensitivities] == [0.25, 0.5, 1, 1, 1, 1]
    assert result.score.value == pytest.approx(4.75 / 6)


def test_before_the_first_false_positive_the_line_starts_at_what_was_found_without_any():
    """Hit at 0.9 without false positives; at 0.5 one more of two targets and two false positives on one slide."""
    tumour = np.zeros((90, 130), dtype=bool)
    tumour[20:60, 10:50] = tumour[20:60, 70:110] = True
    found = detections((300, 400, 0.9), (900, 400, 0.5), (1250, 880, 0.6), (1250, 10, 0.5))
    result = froc([judge("a", found, evaluation_mask(tumour, mpp_x=10, mpp_y=10))], resamples=10)
    # Points: (0, 1/2) at 0.9, (1, 1/2) at 0.6, (2, 1) at 0.5.
    assert [metric.value for metric in result.sensitivities] == [0.5, 0.5, 0.5, 1, 1, 1]


def test_all_found_without_a_false_positive_is_one():
    result = froc([judge("a", detections((*IN_TARGET, 0.2)), truth()), judge("b", Detections.none(), None)])
    assert result.score.value == 1
    # No resample differs; one of one found still proves no more than 2.5 %: 0.025 = 0.025^(1/1).
    assert result.score.low == pytest.approx(0.025)
    assert result.score.high == 1
    assert "Clopper–Pearson" in result.score.method


def test_nothing_detected_anywhere_is_zero():
    result = froc([judge("a", Detections.none(), truth()), judge("b", Detections.none(), None)], resamples=10)
    assert result.score.value == 0
    assert result.curve.false_positives == (0,)


def official_sensitivities(slides):
    """The organisers' loop over thresholds, a missed target at 0, and their interpolation."""
    false_positives = [score for slide in slides for score in slide.false_positives]
    hits = [max(score, 0.0) for slide in slides for score in slide.targets]
    # They drop the lowest score, taking it for that of missed targets and isolated cells: let there be one.
    thresholds = sorted({0.0, *false_positives, *hits})[1:]
    x = [sum(score >= one for score in false_positives) / len(slides) for one in thresholds] + [0]
    y = [sum(score >= one for score in hits) / len(hits) for one in thresholds] + [0]
    return np.interp([0.25, 0.5, 1, 2, 4, 8], x[::-1], y[::-1])


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_curve_agrees_with_the_official_loop(seed):
    rng = np.random.default_rng(seed)
    mask = truth()
    slides = []
    for number in range(int(rng.integers(1, 7))):
        n = int(rng.integers(0, 25))
        places = np.stack([rng.uniform(0, 1300, n), rng.uniform(0, 900, n), rng.integers(1, 12, n) / 12], axis=1)
        slides.append(judge(f"s{number}", detections(*places), mask if number == 0 or rng.random() < 0.5 else None))
    result = froc(slides, resamples=2)
    assert [metric.value for metric in result.sensitivities] == pytest.approx(official_sensitivities(slides))
    assert result.score.value == pytest.approx(official_sensitivities(slides).mean())


def test_bootstrap_by_slide_and_by_patient():
    slides = cohort()
    by_slide = froc(slides, resamples=200)
    by_patient = froc(slides, groups=[str(number // 5) for number in range(len(slides))], resamples=200)
    for result in (by_slide, by_patient):
        assert result.score.low < result.score.value < result.score.high
        assert len(result.band_low) == len(result.band_high) == len(GRID)
        assert all(low <= high for low, high in zip(result.band_low, result.band_high, strict=True))
        # Interval of one rate and band at the same rate are one and the same.
        at, metric = GRID.index(1.0), result.sensitivities[RATES.index(1.0)]
        assert (metric.low, metric.high) == pytest.approx((result.band_low[at], result.band_high[at]))
    assert "within classes" in by_slide.score.method
    assert "6 groups" in by_patient.score.method
    assert froc(slides, resamples=200).score == by_slide.score


def test_a_slide_drawn_twice_counts_twice():
    slides = cohort(6)
    doubled = [*slides, *(judge_again(slide) for slide in slides)]
    once, twice = froc(slides, resamples=5), froc(doubled, resamples=5)
    assert once.curve == twice.curve
    assert once.score.value == twice.score.value


def judge_again(slide):
    return type(slide)(**{**vars(slide), "name": f"{slide.name} again"})


def test_what_has_no_froc_is_refused():
    normal = judge("a", Detections.none(), None)
    with pytest.raises(EvaluationError, match="1 slide has"):
        froc([normal])
    with pytest.raises(EvaluationError, match="slide a"):
        froc([judge("a", Detections.none(), truth()), normal])
    with pytest.raises(EvaluationError, match="1 group for 2 slides"):
        froc([judge("b", Detections.none(), truth()), normal], groups=["p"])


def test_json_holds_plain_numbers():
    result = froc(cohort(6), resamples=20).to_json()
    assert list(result["metrics"]) == ["froc", *(f"sensitivity_at_{rate:g}" for rate in RATES)]
    assert result["curve"]["thresholds"][0] is None
