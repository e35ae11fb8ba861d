"""The part `actionlint`: the linter of GitHub's workflows, built from its own source."""

import os
import re
import subprocess

from .processes import run

MODULE = "github.com/rhysd/actionlint/cmd/actionlint"
# Each with the oldest Go that builds it: Debian 12 has 1.19.
VERSIONS = [("v1.7.12", (1, 25)), ("v1.7.7", (1, 18))]


def parameters():
    """Another Go may build another one."""
    return version()


def version():
    """The newest that the Go of this machine builds."""
    said = subprocess.run(["go", "env", "GOVERSION"], stdout=subprocess.PIPE, text=True).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    own = (int(found[1]), int(found[2])) if found else (0, 0)
    return next((name for name, oldest in VERSIONS if own >= oldest), VERSIONS[-1][0])


def make(folder, cache):
    """Builds it into `folder`."""
    # Nothing is left in the user's own Go folders.
    places = {"GOBIN": folder, "GOFLAGS": "-modcacherw", "GOPATH": f"{folder}/work", "GOCACHE": f"{folder}/work/cache"}
    run("env", *(f"{name}={value}" for name, value in places.items()), "go", "install", f"{MODULE}@{version()}")
    run("rm", "-rf", os.path.join(folder, "work"))
