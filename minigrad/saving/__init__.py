"""Arrays on disk, and training runs that are stopped and resumed bit for bit."""

from .arrays import load, save
from .training import load_training, save_training

__all__ = ["load", "load_training", "save", "save_training"]
