"""Training: from a collection of images to a codebook."""

from __future__ import annotations

from sofc.training.driver import TrainingResult, train
from sofc.training.report import ModelReport, TrainingReport

__all__ = ["ModelReport", "TrainingReport", "TrainingResult", "train"]
