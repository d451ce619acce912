"""The outer loop of a fit: keys of its settings chosen by errors on data held out, and by properties."""

from atomsmith.tuning.search import Search, tune
from atomsmith.tuning.settings import TuneSettings

__all__ = ["Search", "TuneSettings", "tune"]
