"""Configurations with labels, data sets, and the store of a run."""

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.labels import LabelNames
from atomsmith.data.store import Store, StoredConfiguration

__all__ = ["Configuration", "Dataset", "LabelNames", "Store", "StoredConfiguration"]
