"""The part `kinds`: for each kind of host, the layer that lies on the base root.

A layer holds the files in which the kind differs from the base, and a whiteout (how an overlay
says "not there") for each thing of the base that the kind lacks.
"""

import os
import stat
from pathlib import Path

from .places import SITE, UID, USER

# What a person may type or a probe may look for. Libraries stay: the package manager that the kind
# does have needs them.
DEBIAN_TOOLS = [
    "usr/bin/apt", "usr/bin/apt-cache", "usr/bin/apt-cdrom", "usr/bin/apt-config", "usr/bin/apt-get",
    "usr/bin/apt-key", "usr/bin/apt-mark", "usr/bin/dpkg", "usr/bin/dpkg-deb", "usr/bin/dpkg-divert",
    "usr/bin/dpkg-query", "usr/bin/dpkg-split", "usr/bin/dpkg-statoverride", "usr/bin/dpkg-trigger",
    "etc/apt", "etc/debian_version", "etc/bash.bashrc",
]
RPM_TOOLS = [
    "usr/bin/yum", "usr/bin/dnf", "usr/bin/dnf-3", "usr/bin/rpm", "usr/bin/rpmkeys", "usr/bin/rpmdb",
    "usr/bin/rpmquery", "usr/bin/rpmverify", "usr/bin/rpmsign", "usr/bin/rpmspec", "usr/bin/rpm2cpio",
    "usr/bin/rpm2archive", "usr/bin/rpmbuild", "etc/dnf", "etc/yum.repos.d",
    # Only dnf needs it, and a stock Debian has none: whoever needs Python on the target is found out.
    "usr/bin/python3", "usr/bin/python3.13",
]

AMAZON = {
    "usr/lib/os-release": """\
NAME="Amazon Linux"
VERSION="2"
ID="amzn"
ID_LIKE="centos rhel fedora"
VERSION_ID="2"
PRETTY_NAME="Amazon Linux 2"
ANSI_COLOR="0;33"
HOME_URL="https://amazonlinux.com/"
""",
    "etc/system-release": "Amazon Linux release 2 (Karoo)\n",
    # No plugins, no signatures, no second mirror: the metadata of one small repository, each time.
    "etc/dnf/dnf.conf": """\
[main]
gpgcheck=0
plugins=0
install_weak_deps=0
metadata_expire=0
timeout=10
retries=1
""",
    # Without it dnf asks the package that owns /etc/system-release, and warns that there is none.
    "etc/dnf/vars/releasever": "2\n",
    "etc/yum.repos.d/rig.repo": f"""\
[rig]
name=rig
baseurl={SITE}/rpm-repo
enabled=1
gpgcheck=0
""",
    "etc/profile": """\
# /etc/profile

# System wide environment and startup programs, for login setup
if [ "$(id -u)" = 0 ]; then
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
else
    PATH=/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin
fi
export PATH

for i in /etc/profile.d/*.sh; do
    if [ -r "$i" ]; then
        . "$i" >/dev/null
    fi
done
unset i

if [ -n "${BASH_VERSION-}" ] && [ -f /etc/bashrc ]; then
    . /etc/bashrc
fi
""",
    "etc/bashrc": """\
# /etc/bashrc

# System wide functions and aliases
if [ -n "$PS1" ]; then
    PS1='[\\u@\\h \\W]\\$ '
fi
""",
}
AMAZON_HOME = {
    ".bashrc": """\
# .bashrc

# Source global definitions
if [ -f /etc/bashrc ]; then
\t. /etc/bashrc
fi

# User specific aliases and functions
""",
    ".bash_profile": """\
# .bash_profile

# Get the aliases and functions
if [ -f ~/.bashrc ]; then
\t. ~/.bashrc
fi

# User specific environment and startup programs

PATH=$PATH:$HOME/.local/bin:$HOME/bin

export PATH
""",
    ".bash_logout": "# ~/.bash_logout\n",
}

DEBIAN = {
    "etc/apt/sources.list": f"deb [trusted=yes] {SITE}/apt-repo ./\n",
    # One small repository: no translations to ask for, and no retry that a test would wait for.
    "etc/apt/apt.conf.d/50rig": 'Acquire::Languages "none";\nAcquire::Retries "0";\n',
}


def make(folder, cache):
    """Makes one layer per kind in `folder`."""
    base, layers = cache / "base", Path(folder)
    amazon(Layer(layers / "amazon", base), base)
    debian(Layer(layers / "debian", base), base)


def amazon(layer, base):
    """Amazon Linux 2, as far as a client sees it: yum, os-release, its start files, bash as sh."""
    layer.without(DEBIAN_TOOLS)
    layer.files(AMAZON)
    layer.without([f"etc/skel/{path.name}" for path in (base / "etc/skel").iterdir()])
    layer.files({f"etc/skel/{name}": text for name, text in AMAZON_HOME.items()})
    layer.home(AMAZON_HOME)
    layer.link("usr/bin/sh", "bash")


def debian(layer, base):
    """Debian with its stock start files: .bashrc returns early where the shell is not interactive."""
    layer.without(RPM_TOOLS)
    layer.files(DEBIAN)
    skeleton = {path.name: path.read_text() for path in (base / "etc/skel").iterdir()}
    assert {".bashrc", ".profile", ".bash_logout"} <= set(skeleton), "Debian's skeleton has changed"
    layer.home(skeleton)


class Layer:
    """A folder that will lie on `base`."""

    def __init__(self, top, base):
        self.top, self.base = top, base
        top.mkdir(mode=0o755)

    def files(self, texts):
        """Writes plain files of root's."""
        for path, text in texts.items():
            file = self.place(path)
            file.write_text(text)
            file.chmod(0o644)

    def home(self, texts):
        """Writes files into the user's home."""
        self.files({f"home/{USER}/{name}": text for name, text in texts.items()})
        for name in texts:
            os.chown(self.top / "home" / USER / name, UID, UID)

    def link(self, path, target):
        """A symbolic link."""
        os.symlink(target, self.place(path))

    def without(self, paths):
        """Whiteouts for what the base has of `paths`."""
        for path in paths:
            if os.path.lexists(self.base / path):
                os.mknod(self.place(path), stat.S_IFCHR, os.makedev(0, 0))

    def place(self, path):
        """The path in the layer, free, its parents there.

        A folder in an upper layer lends its own mode and owner to the merged one: they must be the
        base's. (Were a parent a link in the base, such as /bin, the layer would hide what is behind it.)
        """
        for parent in reversed(Path(path).parents):
            here, below = self.top / parent, self.base / parent
            assert not below.is_symlink(), f"{parent} is a link in the base"
            if here.exists():
                continue
            here.mkdir()
            if below.exists():
                status = below.stat()
                os.chown(here, status.st_uid, status.st_gid)
                os.chmod(here, stat.S_IMODE(status.st_mode))
            else:
                os.chmod(here, 0o755)
        spot = self.top / path
        spot.unlink(missing_ok=True)  # a whiteout gives way to a file
        return spot
