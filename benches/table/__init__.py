"""The modules of `benches/run`.

    measure     how long things take, and what is said of it
    world       hosts, specs, a way that is slow
    peers       what does the same: pyinfra, Ansible, a shell script, topicctl
    rows        the table
"""
