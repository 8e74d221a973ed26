"""The tests, which need a checkout: they read the documentation and run the scripts."""

import os

THOROUGH = bool(os.environ.get("DRIO_TEST_THOROUGH"))
"""Whether there is time for every case, where else those are run that differ the most."""
