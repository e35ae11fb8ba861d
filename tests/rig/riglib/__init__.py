"""The modules of `rig`, in the order in which they are used.

    commands        the command line
    packages        rig install
    parts           rig build: cached parts, each made again when its recipe changes
    base_root, kinds, rpm_repo, apt_repo    one part each; debian_archive downloads for them
    run, network    rig run: namespaces, bridge, clean-up
    download_site   rig site: packages, downloads and faulty downloads over HTTP
    hosts           rig host …; host_boot.sh is what runs first in a host

They are a package of their own, so that none of them can stand before a module of Python's (a plain
`site.py` beside `rig` would).
"""
