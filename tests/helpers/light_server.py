"""`sentinode` that loads torch when something is to be explained, and not at the start: most tests explain nothing."""

from sentinode.cli.main import main
from sentinode.serving.predictions.explainer import Explainer

if __name__ == "__main__":
    Explainer.start = lambda _explainer, _model: None  # type: ignore[method-assign, assignment]
    main()
