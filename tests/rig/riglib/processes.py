"""Running other programs, so that their errors are told and their leftovers end with us."""

import subprocess

from .places import Failed


def run(*command, input=None, cwd=None, where=None):
    """Runs a command, in another network namespace if asked; its output. Fails with its words."""
    if where:
        command = ("nsenter", f"--net={where}", *command)
    command = [str(word) for word in command]
    done = subprocess.run(
        command, input=input, cwd=cwd, text=True,
        stdin=subprocess.DEVNULL if input is None else None,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    if done.returncode != 0:
        tail = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Failed(f"{' '.join(command)[:300]}: exit {done.returncode}\n  {tail}")
    return done.stdout


def contained(*command):
    """The command, so wrapped that all that it starts ends with us, and its mounts too.

    mmdebstrap mounts /proc in the root that it makes. Were it to outlive us, or its mounts to stay,
    then removing the half-made root would reach into the machine's own /proc.
    """
    return [
        "setpriv", "--pdeathsig", "KILL",
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
        "--propagation", "private", *command,
    ]
