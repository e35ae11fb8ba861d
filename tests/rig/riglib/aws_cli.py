"""The part `aws-cli`: AWS's command line program, which the guide for pipelines calls."""

import sys

from .processes import run

PACKAGE = "awscli==1.46.3"


def parameters():
    """Wheels are made for one version of Python."""
    return f"{sys.implementation.cache_tag} {PACKAGE}"


def make(folder, cache):
    """Installs it into `folder`; its program is `bin/aws`, with the folder as PYTHONPATH."""
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--root-user-action", "ignore", "--target", folder, PACKAGE,
    )
