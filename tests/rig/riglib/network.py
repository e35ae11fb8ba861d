"""The run's network: one bridge, a wire to each host, and no way out."""

import os

from . import places
from .processes import run


def make_bridge(name):
    """The bridge, in the network namespace that we are in, which gets a name for `ip netns`."""
    run("ip", "netns", "attach", name, os.getpid())
    run("ip", "-batch", "-", input="\n".join([
        "link set lo up",
        # Without the delay a new wire would carry nothing for its first fifteen seconds.
        # A bridge without an address of its own takes that of one of its wires, and changes it as they
        # come and go: hosts would go on talking to the old one.
        f"link add {places.BRIDGE} address 02:00:0a:4d:00:01 type bridge forward_delay 0 stp_state 0",
        f"addr add {places.CONTROLLER}/{places.PREFIX} dev {places.BRIDGE}",
        f"link set {places.BRIDGE} up",
    ]))


def add_host(namespace, number):
    """A network namespace on the bridge, with the address 10.77.0.NUMBER."""
    run("ip", "netns", "add", namespace)
    # The hardware address follows from the IP address: when an address is used again, what others
    # remember of it (ARP) is still right. A random one would be shouted at in vain for seconds.
    hardware = f"02:00:0a:4d:00:{number:02x}"
    run("ip", "-batch", "-", input="\n".join([
        f"link add {wire(number)} type veth peer name eth0 address {hardware} netns {namespace}",
        # Nobody beside the hosts has the address: see broker/bridged.py.
        f"link property add dev {wire(number)} altname {address(number)}",
        f"link set {wire(number)} master {places.BRIDGE} up",
    ]))
    run("ip", "-n", namespace, "-batch", "-", input="\n".join([
        "link set lo up",
        f"addr add {address(number)}/{places.PREFIX} dev eth0",
        "link set eth0 up",
    ]))


def remove_host(namespace, number):
    """Takes wire and namespace away."""
    # By name, at once: a namespace is dismantled some time after its last process.
    run("ip", "link", "del", wire(number))
    run("ip", "netns", "del", namespace)


def wire(number):
    """The bridge's end of a host's wire."""
    return f"host{number}"


def address(number):
    """The IP address of a number."""
    return f"10.77.0.{number}"
