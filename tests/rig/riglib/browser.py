"""What judges the page of `--format html`: axe for accessibility, html-validate for the markup, and what
drives Debian's Chromium for both."""

from .processes import run

PACKAGES = ["playwright-core@1.65.1", "axe-core@4.14.1", "html-validate@11.21.1"]


def make(folder, cache):
    """Installs them into the folder, from the npm registry; no script of a package is run."""
    run("npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund",
        "--no-update-notifier", *PACKAGES)
