from helpers.model_makers import make_deployed
from sentinode.core.metric import Metric
from sentinode.models.bundle_info import Headline
from sentinode.models.bundle_writer import render_card


def test_the_card_says_what_matters() -> None:
    _, info = make_deployed("plain")
    figures = {
        "auc": Metric(value=0.9567, low=0.95, high=0.963, method="DeLong"),
        "npv": Metric(value=None, low=None, high=None, method="undefined: no negative answer"),
    }
    provenance = info.provenance.model_copy(
        update={"trained_on": "20,000 patches, CC0.", "licences": "SqueezeNet: MIT."}
    )
    card = render_card(
        info.model_copy(
            update={
                "metrics": Headline(split="test", n=2907, figures=figures),
                "provenance": provenance,
                "limits": ("Patches were recompressed.",),
            }
        )
    )
    for expected in (
        "Not a medical device",
        "30 × 30 px at 0.972 µm/px",
        "normal, tumour",
        "20,000 patches, CC0.",
        "SqueezeNet: MIT.",
        "On test, 2,907 tiles",
        "| auc | 0.957 | 0.950 – 0.963 | DeLong |",
        "| npv | – | – | undefined: no negative answer |",
        "tumour when its probability is at least 0.400 (rule `youden`, chosen on validation)",
        "- Patches were recompressed.",
    ):
        assert expected in card
    assert "\n\n\n" not in card


def test_a_model_of_many_classes_has_no_threshold() -> None:
    card = render_card(make_deployed("many-classes")[1])
    assert "OperatingPoint" not in card
    assert "predicted class from 0.300 to 0.450" in card
    assert "Not measured" in card
