"""The part `base`: the root file system that every host has as its lowest layer.

trixie, not bookworm: the Java 8 of rpm_repo needs glibc 2.38, and in bookworm an unprivileged
`rpm -q` answers "not installed" for what is installed.
"""

import os
from pathlib import Path

from .debian_archive import KEYRING, MIRROR
from .places import UID, USER
from .processes import contained, run

SUITE = "trixie"

# dnf and rpm make a host that can pass for Amazon Linux; the shells are login shells that people have.
PACKAGES = [
    "busybox", "ca-certificates", "curl", "dnf", "fish", "openssh-server", "procps", "rpm", "sudo",
    "tcsh", "unzip", "wget", "zsh",
]

SSHD_CONFIG = f"""\
# Without PAM a login costs no more than it must, and needs no audit or session service.
# /etc/environment is PAM's: `rig host start --pam` turns it on.
UsePAM no
UseDNS no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowUsers {USER}
# Tests count `Connection from` and `Starting session: command`; the latter is said at DEBUG1.
LogLevel DEBUG1
# All tests come from one address. By default sshd shuts out, for a while, an address that failed to
# log in (OpenSSH 9.8 and newer), and drops some of many connections that come at once.
PerSourcePenalties no
MaxStartups 200
HostKey /etc/ssh/ssh_host_ed25519_key
Subsystem sftp internal-sftp
PrintMotd no
"""

SUDOERS = f"{USER} ALL=(ALL) NOPASSWD:ALL\n"


def make(folder, cache):
    """Makes the root in `folder`."""
    options = [
        # Nothing here outlives a crash of the machine, so dpkg need not wait for the disk.
        "--dpkgopt=force-unsafe-io",
        # Not /usr/share/man: openjdk's update-alternatives fails where the folder for its links lacks.
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
    ]
    run(*contained(
        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", *options,
        f"--keyring={KEYRING}", SUITE, folder, MIRROR,
    ))
    root = Path(folder)
    os.chmod(root, 0o755)
    add_user(root)
    write(root / "etc/ssh/sshd_config", SSHD_CONFIG)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # every host makes its own
    # No way out: a look-up fails at once, where a name server that is not there would be waited for.
    write(root / "etc/resolv.conf", "")
    # busybox takes the applet from its name, also from a login shell's "-ash".
    os.symlink("/usr/bin/busybox", root / "usr/local/bin/ash")
    with open(root / "etc/shells", "a") as shells:
        shells.write("/usr/local/bin/ash\n")
    os.symlink("dnf", root / "usr/bin/yum")
    # fish brings man-db, which would index all manuals after each installation of a package.
    (root / "var/lib/man-db/auto-update").unlink(missing_ok=True)
    # An unprivileged query can only read a database that is there.
    run(*contained("chroot", folder, "rpm", "--initdb"))


def add_user(root):
    """The account that EC2 images have, with a home that the layers fill."""
    run("chroot", root, "useradd", "-M", "-u", UID, "-s", "/bin/bash", "-c", "EC2 Default User", USER)
    # Not locked but without a valid password: with `UsePAM no` sshd refuses a locked account's key.
    run("chroot", root, "usermod", "-p", "*", USER)
    home = root / "home" / USER
    home.mkdir(mode=0o700)
    os.chown(home, UID, UID)
    write(root / "etc/sudoers.d/90-cloud-init-users", SUDOERS, 0o440)


def write(path, text, mode=0o644):
    """A whole file with its mode."""
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
