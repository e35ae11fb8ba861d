"""The part `apt-repo`: a flat apt repository with trixie's own Java and what it needs."""

import json
import shutil
import tempfile
from pathlib import Path

from . import base_root
from .debian_archive import Suite
from .processes import run

# The second is what people install who do not care which Java it is.
PACKAGES = ["openjdk-21-jre-headless", "default-jre-headless"]


def make(folder, cache):
    """Makes the repository in `folder`: all that `apt-get install` would fetch on the base root."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-apt-") as work:
        suite = Suite(base_root.SUITE, Path(work) / "apt", cache / "base/var/lib/dpkg/status")
        for deb in suite.download_with_dependencies(*PACKAGES):
            shutil.move(deb, folder)
    # One after the other: Release lists the digests of the files that are there.
    packages = run("apt-ftparchive", "packages", ".", cwd=folder)
    Path(folder, "Packages").write_text(packages)
    run("gzip", "-kn", "Packages", cwd=folder)
    Path(folder, "Release").write_text(run("apt-ftparchive", "release", ".", cwd=folder))
    java = next(Path(folder).glob(f"{PACKAGES[0]}_*.deb"))
    Path(folder, "java.json").write_text(json.dumps({
        "package": PACKAGES[0], "version": "21", "java_home": "/usr/lib/jvm/java-21-openjdk-amd64",
        "debian_version": run("dpkg-deb", "-f", java, "Version").strip(),
    }) + "\n")
