"""Which version of a package is installed, for the few tests that have to ask."""

from importlib.metadata import version
import re

import pytest


def is_older(package, *release):
    """Tell whether a package is older than a release, (1, 8) say."""
    installed = re.findall(r"\d+", version(package))[: len(release)]
    return tuple(int(number) for number in installed) < release


def needs(package, *release, because):
    """Skip a test where a package is older than a release, and say what is missing."""
    text = ".".join(str(number) for number in release)
    reason = f"{package} below {text}: {because}"
    return pytest.mark.skipif(is_older(package, *release), reason=reason)


# GridSearchCV asked a Pipeline for a request of its own: scikit-learn issue 30937.
search_hands_weights_to_the_score_of_a_pipeline = needs(
    "scikit-learn", 1, 8, because="weights do not reach the score of a Pipeline in a search"
)
