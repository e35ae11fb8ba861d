"""The part `moto`: the Python package that stands in for AWS, with all that it needs.

A folder for PYTHONPATH rather than a virtual environment, which could not be moved into place.
"""

import sys

from .processes import run

PACKAGE = "moto[server]==5.2.5"


def parameters():
    """Wheels are made for one version of Python."""
    return f"{sys.implementation.cache_tag} {PACKAGE}"


def make(folder, cache):
    """Installs it into `folder`."""
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--root-user-action", "ignore", "--target", folder, PACKAGE,
    )
