"""What is published of each public test set: its layout and size, what is left out, and figures that others reached."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFigure:
    """A figure that somebody reached."""

    name: str
    """As in a protocol's figures, such as `auc`."""
    value: float
    of: str
    """Who reached it."""


@dataclass(frozen=True)
class TestSet:
    """A public test set."""

    name: str
    title: str
    n: int | None
    """Images, slides or patients of its test part; None where what is tested is not fixed."""
    noun: str
    looked_for: tuple[str, ...]
    """The files or folders of its layout, below the root."""
    figures: tuple[PublishedFigure, ...] = ()
    left_out: tuple[str, ...] = ()
    """What the protocol leaves out, and what it does not, in sentences."""

    def published(self, name: str) -> str:
        """`0.963 GDensenet (Veeling et al. 2018)`, one after another; empty where there is none."""
        return "; ".join(f"{one.value:.3f} {one.of}" for one in self.figures if one.name == name)


_VEELING = "GDensenet (Veeling et al. 2018)"
_DINOV3 = "DINOv3 ViT-S/16, fine-tuned (tiny-DINOv3-FT-PCam)"
_RESNET18 = "ResNet-18 at 28 px (MedMNIST v2)"

PCAM = TestSet(
    "pcam", "PatchCamelyon, test", 32_768, "patch",
    ("camelyonpatch_level_2_split_test_x.h5", "camelyonpatch_level_2_split_test_y.h5"),
    (
        PublishedFigure("auc", 0.963, _VEELING), PublishedFigure("accuracy", 0.898, _VEELING),
        PublishedFigure("log_loss", 0.260, _VEELING), PublishedFigure("auc", 0.980, _DINOV3),
        PublishedFigure("accuracy", 0.920, _DINOV3), PublishedFigure("log_loss", 0.212, _DINOV3),
        PublishedFigure("balanced_accuracy", 0.955, "Hibou-L, frozen, linear (eva)"),
    ),
    ("Nothing is left out: papers count exact duplicates, too; the figures without them stand beside.",),
)  # fmt: skip
KAGGLE = TestSet(
    "kaggle", "Kaggle Histopathologic Cancer Detection", None, "patch",
    ("train_labels.csv", "train/<id>.tif", "test/<id>.tif (for submission.csv)"),
    (PublishedFigure("auc", 0.979, "one model, private leaderboard"),
     PublishedFigure("auc", 0.981, "ensembles, private leaderboard")),
    (
        "Two known bad images (one blank, one black) are left out.",
        "PatchCamelyon without its duplicates: whoever trained on PatchCamelyon has seen these images.",
        "Perfect scores on its leaderboard came from a leak.",
    ),
)  # fmt: skip
NCT = TestSet(
    "nct", "NCT-CRC-HE: CRC-VAL-HE-7K", 7_180, "tile",
    ("CRC-VAL-HE-7K/{ADI,BACK,DEB,LYM,MUC,MUS,NORM,STR,TUM}", "NCT-CRC-HE-100K (for the colour baseline)"),
    (PublishedFigure("balanced_accuracy", 0.977, "EfficientNet-B0, fine-tuned"),
     PublishedFigure("balanced_accuracy", 0.967, "best frozen model")),
    ("Nothing is left out. Its classes differ in JPEG artefacts: three mean colours alone give more than 0.50.",),
)  # fmt: skip
PATHMNIST = TestSet(
    "pathmnist", "PathMNIST, test", 7_180, "image",
    ("pathmnist.npz, or pathmnist_64.npz, pathmnist_128.npz, pathmnist_224.npz",),
    (PublishedFigure("accuracy", 0.907, _RESNET18), PublishedFigure("auc", 0.983, _RESNET18),
     PublishedFigure("accuracy", 0.911, "ResNet-50 at 28 px (MedMNIST v2)"),
     PublishedFigure("auc", 0.990, "ResNet-50 at 28 px (MedMNIST v2)")),
    ("Nothing is left out. Its validation part is a tenth of the training source and overstates the test.",),
)  # fmt: skip
CAMELYON16 = TestSet(
    "camelyon16", "CAMELYON16, test", 129, "slide",
    ("testing/images or images, with test_001.tif", "testing/lesion_annotations, lesion_annotations or annotations",
     "testing/reference.csv or reference.csv"),
    (
        PublishedFigure("froc", 0.807, "challenge winner"),
        PublishedFigure("froc", 0.733, "pathologist without time limit"),
        PublishedFigure("froc", 0.810, "NCRF"), PublishedFigure("froc", 0.902, "PFA-ScanNet"),
        PublishedFigure("slide_auc", 0.994, "challenge winner"),
        PublishedFigure("slide_auc", 0.966, "pathologist without time limit"),
    ),
    (
        "Test_049 duplicates another test slide: left out of every figure.",
        "Test_114 is not fully annotated: left out of FROC, kept in the slide AUC.",
        "Normal_086 was mislabelled; it is a training slide and takes no part in the test.",
        "Regions with a major axis under 275 µm are isolated tumour cells: no targets, and hits on them are ignored.",
    ),
)  # fmt: skip
CAMELYON17 = TestSet(
    "camelyon17", "CAMELYON17, labelled patients", 100, "patient",
    ("stage_labels.csv or stages.csv, here or in training",),
    (PublishedFigure("kappa", 0.89, "best submission, hidden test"),
     PublishedFigure("kappa", 0.93, "ensemble of the best, hidden test")),
    (
        "No patient is left out. Slides with isolated tumour cells alone make no node positive.",
        "The challenge's own test patients have no public labels: published kappas are of those.",
    ),
)  # fmt: skip
CAMELYON_PLUS = TestSet(
    "camelyon+", "CAMELYON+: corrected labels of CAMELYON16 and CAMELYON17", 1_399, "slide",
    ("labels.csv, or one other CSV, with the columns slide,label (negative, itc, micro, macro)",),
    (),
    (
        "Slides without a line in the table were taken out by its authors, and are left out here.",
        "Test_049 of CAMELYON16, a duplicate, is left out, whatever the table says.",
    ),
)  # fmt: skip
