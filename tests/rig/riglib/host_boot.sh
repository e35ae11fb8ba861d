# What runs first in a host: mounts its disk, then becomes its PID 1.
# Started in new mount, PID, UTS and IPC namespaces and in the host's network namespace, as
#   sh -c "$(cat host_boot.sh)" init HOST_FOLDER LOWER_LAYERS NAME DISK_MB sshd|systemd
set -eu
host=$1 lower=$2 name=$3 disk=$4 first=$5
root=$host/root

# /proc is still the one outside, so this is our PID as the run sees it; in here $$ is 1.
read -r pid rest < /proc/self/stat
echo "$pid" > "$host/pid"

mount -t overlay -o "lowerdir=$lower,upperdir=$host/upper,workdir=$host/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/sshd" "$root/run/lock"
chmod 1777 "$root/run/lock"
if [ "$disk" != 0 ]; then
  # A small file system of its own for /home, kept outside the overlay, so that a restart finds it.
  mount --bind "$host/home" "$root/home"
fi

# A /dev of our own. The machine's must not be bound here: what a host does to the mode of a device
# node (systemd does) would be done to the machine's.
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
cd "$root/dev"
mkdir pts shm
mknod -m 666 null c 1 3
mknod -m 666 zero c 1 5
mknod -m 666 full c 1 7
mknod -m 666 random c 1 8
mknod -m 666 urandom c 1 9
mknod -m 666 tty c 5 0
ln -s pts/ptmx ptmx
ln -s /proc/self/fd fd
ln -s /proc/self/fd/0 stdin
ln -s /proc/self/fd/1 stdout
ln -s /proc/self/fd/2 stderr
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts pts
mount -t tmpfs -o mode=1777 tmpfs shm
hostname "$name"
if [ "$first" = systemd ]; then
  # The machine's own console is not to be touched either.
  mknod -m 600 console c 5 1
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount --bind "$host/sshd.log" "$root/var/log/sshd.log"
fi

cd "$root"
pivot_root . .
umount -l .

if [ "$first" = systemd ]; then
  exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
fi
# PID 1 is a shell that reaps, not sshd: so a test may kill sshd and start it again. `wait` returns
# when its sleep ends, and takes in every orphan meanwhile.
exec chroot . /bin/bash -c '
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
  /usr/sbin/sshd -D -e &
  while :; do sleep 3600 & wait $!; done
' init
