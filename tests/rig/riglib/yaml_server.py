"""The YAML language server: the tests ask it what an editor would show for the spec's schema."""

from .processes import run

PACKAGE = "yaml-language-server@1.25.0"


def make(folder, cache):
    """Installs it into the folder, from the npm registry; no script of a package is run."""
    run("npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund",
        "--no-update-notifier", PACKAGE)
