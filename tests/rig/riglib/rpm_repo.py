"""The part `rpm-repo`: a yum repository with a real Java, repacked from Debian's.

Debian unstable has Java 8, which is what Amazon Linux 2 users install. Unstable moves: when that
package is gone, the repository has bookworm's Java 17 instead, and `java.json` says so.
"""

import json
import re
import tempfile
from pathlib import Path

from .debian_archive import Suite
from .places import Failed
from .processes import run

# Links of the package itself stand for what `alternatives` does on Amazon Linux: the chain
# /usr/bin/java -> /etc/alternatives/java -> the JVM is the same, and is gone when the package is.
SPEC = """\
Name: {name}
Epoch: 1
Version: {version}
Release: {release}
Summary: OpenJDK {major} runtime, headless
License: GPLv2 with exceptions
AutoReqProv: no
{provides}

%description
Debian's build of OpenJDK {major}, in the places where Amazon Linux has its own.

%install
mkdir -p %{{buildroot}}/usr/lib/jvm %{{buildroot}}/usr/bin %{{buildroot}}/etc/alternatives
cp -a {tree}/{debian_home} %{{buildroot}}{home}
for settings in {tree}/etc/java-*; do cp -a "$settings" %{{buildroot}}/etc/; done
for link in {links}; do ln -s "${{link#*=}}" %{{buildroot}}"${{link%%%%=*}}"; done

%files
/usr/lib/jvm/*
/usr/bin/*
/etc/alternatives/*
/etc/java-*
"""


class Java:
    """One Java as Debian has it and as Amazon Linux names it."""

    def __init__(self, suite, major, package, debian_home, java):
        self.suite, self.major, self.package = suite, major, package
        self.debian_home, self.java = debian_home, java
        self.debian = f"openjdk-{major}-jre-headless"


WANTED = Java("unstable", "8", "java-1.8.0-openjdk", "usr/lib/jvm/java-8-openjdk-amd64", "jre/bin/java")
FALLBACK = Java("bookworm", "17", "java-17-openjdk", "usr/lib/jvm/java-17-openjdk-amd64", "bin/java")


def make(folder, cache):
    """Makes the repository in `folder`."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-java-") as work:
        try:
            java, deb = WANTED, Suite(WANTED.suite, Path(work) / "wanted").download(WANTED.debian)
        except Failed:
            java, deb = FALLBACK, Suite(FALLBACK.suite, Path(work) / "fallback").download(FALLBACK.debian)
        facts = repack(java, deb, Path(work), folder)
    run("createrepo_c", "--quiet", folder)
    facts["fallback"] = java is FALLBACK
    (Path(folder) / "java.json").write_text(json.dumps(facts) + "\n")


def repack(java, deb, work, folder):
    """The .deb as an .rpm in `folder`; what is in it."""
    tree = work / "tree"
    run("dpkg-deb", "-x", deb, tree)
    debian = run("dpkg-deb", "-f", deb, "Version").strip()
    version, release = amazon_version(java, debian)
    home = f"/usr/lib/jvm/{java.package}-{version}-{release}.x86_64"
    short = java.package.removeprefix("java-").removesuffix("-openjdk")  # 1.8.0 or 17
    jre = f"{home}/jre" if java.java.startswith("jre/") else home
    links = {
        "/usr/bin/java": "/etc/alternatives/java",
        "/etc/alternatives/java": f"{home}/{java.java}",
        # The stable names for JAVA_HOME: the one above changes with each update.
        f"/usr/lib/jvm/jre-{short}-openjdk": jre,
        f"/usr/lib/jvm/jre-{short}": jre,
        "/usr/lib/jvm/jre": jre,
    }
    provided = ["java", f"java-{short}", f"jre-{short}", f"java-{short}-headless", "java-headless", "jre"]
    spec = work / "java.spec"
    spec.write_text(SPEC.format(
        name=java.package, version=version, release=release, major=java.major, tree=tree, home=home,
        debian_home=java.debian_home, links=" ".join(f"{a}={b}" for a, b in links.items()),
        provides="\n".join(f"Provides: {name} = 1:{version}" for name in provided),
    ))
    settings = {
        "_topdir": work / "rpmbuild",
        "_rpmdir": folder,
        # Debian has stripped and checked these files; rpm's own passes would take half a minute.
        "__os_install_post": "%{nil}",
        "debug_package": "%{nil}",
        "_build_id_links": "none",
        "_binary_payload": "w1.gzdio",
    }
    defines = [word for key, value in settings.items() for word in ["--define", f"{key} {value}"]]
    run("rpmbuild", "-bb", "--quiet", "--target", "x86_64", *defines, spec)
    return {
        "package": java.package, "version": short, "full_version": version, "java": f"{home}/{java.java}",
        "java_home": f"/usr/lib/jvm/jre-{short}-openjdk", "debian_version": debian,
    }


def amazon_version(java, debian):
    """Version and release as Amazon Linux would write Debian's.

    8u504-b08-1 is 1.8.0.504.b08 there; 8u504-ga-1 does not tell its build, so b00 it is.
    """
    old = re.match(r"8u(\d+)-(b\d+)?", debian)
    if old:
        return f"1.8.0.{old[1]}.{old[2] or 'b00'}", "1.amzn2.0.1"
    return re.split(r"[+~-]", debian)[0], "1.amzn2.0.1"
