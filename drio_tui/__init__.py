"""drio-tui: inspect, build and ship drio apps without leaving the terminal."""

__version__ = "0.1.0"
