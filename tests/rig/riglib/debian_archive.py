"""Packages of any Debian suite, whatever the machine itself runs.

apt-get gets a private configuration (its own lists, sources, status and cache), so that the
machine's own lists and packages are neither read nor changed.
"""

import os
from pathlib import Path

from .processes import run

MIRROR = os.environ.get("TRUEUP_RIG_DEBIAN_MIRROR", "http://deb.debian.org/debian")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Suite:
    """A private apt for one suite, in the folder `work`."""

    def __init__(self, suite, work, status=None):
        """`status`: the dpkg status file of the system that will install; default: nothing installed."""
        self.folder = Path(work)
        for name in ["lists/partial", "cache/archives/partial", "none"]:
            (self.folder / name).mkdir(parents=True)
        if status is None:
            status = self.folder / "status"
            status.write_text("")
        sources = self.folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n")
        settings = {
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": status,
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": self.folder / "none",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": self.folder / "none",
            # These folders are root's alone: the user _apt could not write to them.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        self.options = [word for key, value in settings.items() for word in ["-o", f"{key}={value}"]]
        run("apt-get", *self.options, "update", "-q")

    def download(self, package):
        """Downloads one package without what it depends on; the file."""
        run("apt-get", *self.options, "download", "-q", package, cwd=self.folder / "cache")
        return next((self.folder / "cache").glob(f"{package}_*.deb"))

    def download_with_dependencies(self, *packages):
        """Downloads what `install PACKAGES` would fetch; the files."""
        how = ["install", "-y", "-q", "--download-only", "--no-install-recommends"]
        run("apt-get", *self.options, *how, *packages)
        return sorted((self.folder / "cache" / "archives").glob("*.deb"))
