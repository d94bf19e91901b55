"""The report page: self-contained, escaped, repeatable, and with the numbers of the assessment."""

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sentinode.core.decision import OperatingPoint
from sentinode.metrics.assessment import assess
from sentinode.metrics.metric_table import metric_kind
from sentinode.metrics.predictions import Predictions
from sentinode.reports import wording
from sentinode.reports.assessment_page import ReportContext, write_assessment_page

NBSP = "\N{NO-BREAK SPACE}"
VOID = {"meta", "img", "br", "link", "input", "hr", "path", "circle"}
LOG = tuple(
    {"epoch": e, "learning_rate": 1e-3, "train_loss": 1 / e, "validation_loss": 1 / e, "validation_auc": 0.9}
    for e in (1, 2, 3)
)
CONTEXT = ReportContext(
    model="pcam",
    data="folder:patches",
    grouping="stain",
    exclusions={"unreadable": 3, "duplicate in a split": 1234},
    notes=("Some images are JPEG.",),
    provenance={"Data SHA-256": "ab" * 32},
    recipe='source = "folder:<patches>"\n',
    log=LOG,
    best_epoch=2,
)


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page; refuses a page whose elements are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split()).replace(" .", ".")

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(binary, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_assessment_page(binary.assessment, binary.predictions, CONTEXT, out, binary.image)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def many_page(many, tmp_path_factory) -> Page:
    out = tmp_path_factory.mktemp("many") / "report.html"
    write_assessment_page(
        many.assessment, many.predictions, ReportContext(model="cnn", data="medmnist:four.npz"), out, many.image
    )
    return Page(out.read_text(encoding="utf-8"))


def _written(assessed, tmp_path: Path, context: ReportContext = CONTEXT, images=None) -> str:
    write_assessment_page(assessed.assessment, assessed.predictions, context, tmp_path / "report.html", images)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def _rows(page_html: str) -> list[str]:
    return [re.sub(r"<[^>]+>", " ", row) for row in re.findall(r"<tr.*?</tr>", page_html, flags=re.S)]


@pytest.mark.parametrize("which", ["page", "many_page"])
def test_nothing_is_loaded_from_elsewhere(which, request):
    found: Page = request.getfixturevalue(which)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in found.tags}
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:image/"))


def test_style_sheet_fetches_nothing_and_defines_every_colour(html):
    style = re.search(r"<style>(.*?)</style>", html, flags=re.S)[1]
    assert "@import" not in style
    assert "url(" not in style
    light, dark = (set(re.findall(r"(--\w+): #", part)) for part in style.split("prefers-color-scheme: dark", 1))
    colours = {"--" + name for name in re.findall(r"var\(--(\w+)\)", html.split("</style>")[1])}
    assert {"--ink", "--blue", "--grid"} < colours
    assert colours <= light
    assert light == dark & light  # every colour has its shade for the dark
    assert "@media print" in style


@pytest.mark.parametrize("which", ["page", "many_page"])
def test_every_figure_has_words(which, request):
    found: Page = request.getfixturevalue(which)
    charts = [attributes for attributes in found.all("svg") if attributes.get("class") == "chart"]
    assert len(charts) == (9 if which == "page" else 3)
    assert all(len(attributes["aria-label"]) > 30 and attributes["role"] == "img" for attributes in charts)
    assert all(attributes.get("aria-hidden") for attributes in found.all("svg") if "aria-label" not in attributes)
    pictures = found.all("img")
    assert len(pictures) > 20
    assert all("true class" in attributes["alt"] for attributes in pictures)
    assert len(found.all("table")) >= 4
    assert all(attributes.get("scope") in ("row", "col") for attributes in found.all("th"))


@pytest.mark.parametrize("which", ["page", "many_page"])
def test_contents_lead_somewhere(which, request):
    found: Page = request.getfixturevalue(which)
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"][1:] for attributes in found.all("a")]
    assert targets == [attributes["id"] for attributes in found.all("section")]


def test_every_metric_is_printed_as_it_was_measured(html, binary):
    rows = _rows(html)
    for name, metric in binary.assessment.metrics.items():
        row = next(row for row in rows if wording.metric_name(name) in row and metric.method in row)
        scale, digits, unit = (100, 1, f"{NBSP}%") if metric_kind(name).per_cent else (1, 3, "")
        value, low, high = (
            f"{scale * number:.{digits}f}".replace("-", "−") for number in (metric.value, metric.low, metric.high)
        )
        assert f" {value}{unit} " in row
        assert f" {low} to {high}{unit} " in row
        assert f" {metric.n:,} " in row


def test_confusion_matrix_and_threshold_are_those_of_the_assessment(page, html, binary):
    (tn, fp), (fn, tp) = binary.assessment.confusion_matrix
    cells = [
        int(number.replace(",", "")) for number in re.findall(r'<td class="(?:right|wrong)"[^>]*><b>([\d,]+)', html)
    ]
    assert cells == [tn, fp, fn, tp]
    point = binary.assessment.threshold
    assert f"score is at least {point.value:.3f}." in page.text
    assert "validation split (400 patches" in page.text
    assert "sensitivity is at least 0.95" in page.text
    assert f"finds {tp} of {tp + fn} tumour patches and misses {fn}" in page.text
    table = [row for row in _rows(html) if "operating" in row]
    assert len(table) == 1
    assert table[0].split()[0] == f"{point.value:.3f}"


def test_targets_say_which_are_met(html):
    rows = _rows(html)
    assert any("AUC ≥ 0.9 " in row and " met " in row and "not met" not in row for row in rows)
    assert any("Sensitivity ≥ 0.999 " in row and "not met" in row for row in rows)
    assert any("False positive rate ≤ 0.5 " in row and "not met" not in row for row in rows)


def test_limits_exclusions_and_provenance_are_there(page):
    for words in (
        "Images of similar stain were kept on one side",
        "Some images are JPEG.",
        "The images were recompressed.",
        "1,234",
        "duplicate in a split",
        "ab" * 32,
        'source = "folder:<patches>"',
        "Research use only",
        "not a medical device",
        "the weights of epoch 2 were kept",
    ):
        assert words in page.text


def test_same_input_same_bytes(binary, html, tmp_path):
    assert _written(binary, tmp_path, images=binary.image) == html


def test_hostile_names_stay_text(make_predictions, tmp_path):
    plain = make_predictions(120, 5)
    bad = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    hostile = dataclasses.replace(
        plain,
        ids=[f"{bad}{row}" for row in range(120)],
        paths=[bad] * 120,
        groups=[f"{bad}{row % 3}" for row in range(120)],
        class_names=(f"normal {bad}", f"$tumour {bad}"),
    )
    assessment = assess(hostile, threshold=OperatingPoint(0.5, bad, bad), resamples=20, limits=(bad,))
    context = ReportContext(
        model=bad,
        data=bad,
        noun=bad,
        group_noun=bad,
        exclusions={bad: 1},
        notes=(bad,),
        provenance={bad: bad},
        recipe=bad,
    )
    write_assessment_page(
        assessment, hostile, context, tmp_path / "report.html", lambda row: np.zeros((8, 8, 3), dtype=np.uint8)
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert "<script" not in html
    assert not page.all("script")
    assert all(attributes["src"].startswith("data:image/jpeg") for attributes in page.all("img"))
    assert not [attributes for _, attributes in page.tags if "onerror" in attributes]
    assert bad in page.text


def test_page_stays_small_with_many_groups_and_large_pictures(make_predictions, tmp_path):
    predictions = make_predictions(3000, 6, groups=216)
    assessment = assess(predictions, threshold=OperatingPoint(0.5, "fixed", "none"), resamples=20)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (512, 300, 3)).astype(np.uint8)  # noise: nothing is harder to compress
    write_assessment_page(assessment, predictions, CONTEXT, tmp_path / "report.html", lambda _: noise)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(html) < 3_000_000
    names = re.findall(r'<th scope="row">(slide \d+)</th>', html)
    assert len(names) == len(set(names)) == 32
    assert "184 more between these" in html
    accuracy = {group.name: group.metrics["accuracy"].value for group in assessment.subgroups}
    shown = [accuracy[name] for name in names]
    assert shown == sorted(shown)
    assert shown[0] == min(accuracy.values())
    assert shown[-1] == max(accuracy.values())


def test_what_is_not_known_is_left_out(make_predictions, tmp_path):
    predictions = make_predictions(80, 7, groups=None)
    assessment = assess(predictions, threshold=OperatingPoint(0.5, "fixed", "none"), resamples=20)
    write_assessment_page(assessment, predictions, ReportContext(model="m", data="d"), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    sections = [attributes["id"] for attributes in page.all("section")]
    assert "subgroups" not in sections
    assert "training" not in sections
    assert not page.all("img")
    assert "Targets" not in page.text
    assert "No low-confidence band was set" in page.text
    assert "given by hand" in page.text
    assert "Nothing was left out." in page.text


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_alone_still_makes_a_page(make_predictions, tmp_path, only):
    both = make_predictions(60, 8)
    rows = np.flatnonzero(both.labels == only)
    predictions = Predictions(
        [both.ids[row] for row in rows],
        [""] * len(rows),
        both.labels[rows],
        both.probabilities[rows],
        both.class_names,
        1,
        [both.groups[row] for row in rows],
    )
    assessment = assess(predictions, threshold=OperatingPoint(0.5, "fixed", "none"), resamples=20)
    write_assessment_page(assessment, predictions, CONTEXT, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "ranking" not in [attributes["id"] for attributes in page.all("section")]
    assert "undefined" in page.text
    assert "nan" not in page.text.lower().split()


def test_many_classes_have_their_own_page(many_page, many):
    text, assessment = many_page.text, many.assessment
    right = sum(row[index] for index, row in enumerate(assessment.confusion_matrix))
    assert f"right one for {right}" in text
    for figures in assessment.classes:
        assert f"{figures.name} {figures.n} {figures.metrics['auc'].value:.3f}" in text
    assert "threshold was chosen" not in text
    labels = [attributes["aria-label"] for attributes in many_page.all("svg") if "aria-label" in attributes]
    assert any("each class against the rest" in label for label in labels)


def test_confusion_heat_map_has_every_count(many, tmp_path):
    html = _written(many, tmp_path)
    cells = [int(number) for number in re.findall(r'<td class="(?:right|wrong)[^>]*>(\d+)</td>', html)]
    assert cells == [count for row in many.assessment.confusion_matrix for count in row]
    worst = max(
        count for i, row in enumerate(many.assessment.confusion_matrix) for j, count in enumerate(row) if i != j
    )
    pairs = html.split("Most often mixed up")[1].split("</table>")[0]
    assert re.findall(r"<td>(\d+)</td>", pairs)[0] == str(worst)
