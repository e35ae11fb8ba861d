"""The part `init`: a layer over the base root with systemd, to be PID 1, and cron.

`rig host start --systemd` puts it between the base and the layer of the kind.
"""

import tempfile
from pathlib import Path

from . import base_root
from .debian_archive import Suite
from .processes import contained, run

PACKAGES = ["cron", "dbus", "systemd-sysv"]

# The layer is what dpkg writes into an overlay. Its upper folder is on a tmpfs: the cache may be on a
# file system that cannot hold one.
SCRIPT = """\
set -eu
base=$1 layer=$2 debs=$3
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$base,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
mount -t proc proc /mnt/root/proc
mount --bind "$debs" /mnt/root/mnt
# No package's script is to start a service here.
printf '#!/bin/sh\\nexit 101\\n' >/mnt/root/usr/sbin/policy-rc.d
chmod 755 /mnt/root/usr/sbin/policy-rc.d
chroot /mnt/root env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  sh -c 'apt-get -q -y -o Dpkg::Options::=--force-unsafe-io install /mnt/*.deb'
rm -f /mnt/root/var/cache/apt/*.bin
rm /mnt/root/usr/sbin/policy-rc.d
umount /mnt/root/mnt /mnt/root/proc /mnt/root
cp -a /mnt/upper/. "$layer"
"""


def make(folder, cache):
    """Makes the layer in `folder`."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-init-") as work:
        suite = Suite(base_root.SUITE, Path(work) / "apt", cache / "base/var/lib/dpkg/status")
        debs = suite.download_with_dependencies(*PACKAGES)
        run(*contained("sh", "-c", SCRIPT, "init", cache / "base", folder, debs[0].parent))
    # What a boot would wait for, or complain of: there is no hardware here, and no console.
    units = Path(folder) / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    for name in ["console-getty.service", "getty.target", "systemd-firstboot.service", "systemd-modules-load.service",
                 "systemd-udevd.service"]:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    # Where the rig reads that sshd listens, and tests count connections.
    ssh = units / "ssh.service.d"
    ssh.mkdir()
    (ssh / "rig.conf").write_text(
        "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -e\nStandardError=append:/var/log/sshd.log\n"
    )
