"""`rig install`: the Debian packages that the rig needs on the machine that runs it."""

import os
import shutil
import subprocess
from pathlib import Path

from .places import Failed, need_root

# A file that proves the package is there. Looking for files takes a millisecond; asking dpkg
# takes a hundred.
COMMANDS = {
    "apt-ftparchive": "apt-utils",
    "busybox": "busybox-static",
    "chromium": "chromium",
    "createrepo_c": "createrepo-c",
    "curl": "curl",
    "dnf": "dnf",
    "dpkg-deb": "dpkg",
    "gh": "gh",
    "git": "git",
    "go": "golang-go",
    "ip": "iproute2",
    "fish": "fish",
    "iptables": "iptables",
    "jq": "jq",
    "man": "man-db",
    "mandoc": "mandoc",
    "mariadbd": "mariadb-server",
    "javac": "default-jdk-headless",
    "mmdebstrap": "mmdebstrap",
    "mvn": "maven",
    "nft": "nftables",
    "node": "nodejs",
    "npm": "npm",
    "nsenter": "util-linux",
    "munged": "munge",
    "openssl": "openssl",
    "parallel": "parallel",
    "pip3": "python3-pip",
    "promtool": "prometheus",
    "rpmbuild": "rpm",
    "sbatch": "slurm-client",
    "setpriv": "util-linux",
    "shellcheck": "shellcheck",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "strace": "strace",
    "sudo": "sudo",
    "zsh": "zsh",
}
FILES = {"/usr/share/keyrings/debian-archive-trixie-stable.gpg": "debian-archive-keyring"}

# Root's PATH in some containers lacks sbin.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "# made by the rig of trueup while it installs packages"


def missing():
    """Names of the packages that are not there."""
    names = {package for command, package in COMMANDS.items() if not shutil.which(command, path=PATH)}
    names |= {package for file, package in FILES.items() if not os.path.exists(file)}
    return sorted(names)


def install(say):
    """Installs what is missing, starts nothing."""
    names = missing()
    if not names:
        return
    need_root()
    if not shutil.which("apt-get"):
        raise Failed(f"no apt-get here; install by hand what gives: {' '.join(names)}")
    say(f"installing {' '.join(names)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with nothing_starts():
        run(["apt-get", "update", "-q"], environment)
        run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *names], environment)
    if "openssh-server" in names:
        keep_down("ssh.service", "ssh.socket")
    if "mariadb-server" in names:
        keep_down("mariadb.service")
    if "prometheus" in names:
        keep_down("prometheus.service")
    if "munge" in names:
        keep_down("munge.service", "slurmctld.service", "slurmd.service")
    left = missing()
    if left:
        raise Failed(f"still missing after apt-get: {' '.join(left)}")


class nothing_starts:
    """While this lasts, no package's script may start a service: Debian asks policy-rc.d first.

    openssh-server would else open this machine's port 22 as soon as it is installed.
    """

    def __enter__(self):
        # A file of ours that is still there is left from an install that was killed: take it over.
        self.ours = not POLICY.exists() or POLICY_MARK in POLICY.read_text()
        if self.ours:
            POLICY.write_text(f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n")
            POLICY.chmod(0o755)

    def __exit__(self, *exception):
        if self.ours:
            POLICY.unlink(missing_ok=True)


def keep_down(*units):
    """What we installed is not to come up at the next boot either."""
    if shutil.which("systemctl"):
        subprocess.run(
            ["systemctl", "disable", *units],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )


def run(command, environment):
    """Runs apt-get, silent unless it fails."""
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    if done.returncode != 0:
        tail = "\n  ".join(done.stdout.splitlines()[-15:])
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n  {tail}")
