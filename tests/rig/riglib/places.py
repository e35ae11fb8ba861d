"""Names, addresses and folders that several modules must agree on."""

import os
from pathlib import Path

CONTROLLER = "10.77.0.1"
PREFIX = 24
SITE_PORT = 8000
SITE = f"http://{CONTROLLER}:{SITE_PORT}"
BRIDGE = "rig0"

# Hosts get 10.77.0.11 to .199; what stands beside them (brokers, STS) takes .200 and up.
FIRST_HOST, LAST_HOST = 11, 199

USER = "ec2-user"
UID = 1000

HERE = Path(__file__).resolve().parent
RIG = HERE.parent / "rig"


class Failed(Exception):
    """Something outside this program failed; the text says what, and what to do."""


def cache():
    """Where built parts are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("TRUEUP_RIG") or os.path.join(base, "trueup-rig")).absolute()


def state():
    """The folder of the run that this process is in."""
    folder = os.environ.get("TRUEUP_RIG_STATE")
    if not folder or not os.environ.get("TRUEUP_RIG_NET"):
        raise Failed("not inside a run: start this with `rig run -- COMMAND…`")
    return Path(folder)


def need_root():
    """Namespaces, mounts and device nodes are root's."""
    if os.geteuid() != 0:
        raise Failed("the rig needs root (namespaces, mounts, device nodes)")
