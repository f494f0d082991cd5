# SPDX-License-Identifier: GPL-2.0
# Sourced by the image's uml-init: makes a whole machine around one command,
# runs it, checks for leaks, notes its exit status and powers off.

param() {
	for word in $(cat /proc/cmdline); do
		case "$word" in
		"$1"=*) echo "${word#"$1"=}" ;;
		esac
	done
}

src=$(param harplab.src)
out=$(param harplab.out)
leaks=$(param harplab.kmemleak)

# The image is shared and read-only: all writes go to memory.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work \
	overlay /mnt/root || busybox poweroff -f
cd /mnt/root || busybox poweroff -f
umount /harp/src
pivot_root . mnt
umount -l /mnt/proc
cd /

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs -o mode=755 devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t configfs configfs /sys/kernel/config
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -r -t hostfs -o "$src" none /harp/src
mount -t hostfs -o "$out" none /harp/out
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
mkdir -p /run/lock /run/sysctl.d
hostname uml
ip link set lo up

stty -F /dev/tty1 raw -echo
stty -F /dev/tty2 raw -echo

cd /harp/src || exit 1
/harp/out/.command </dev/null >/dev/tty1 2>/dev/tty2
status=$?

# A module that was loaded (taint bit 12) may have leaked. kmemleak reports a
# block once it is five seconds old and two scans agree that nobody points
# there, so this is the one place where time itself has to pass.
tainted=$(cat /proc/sys/kernel/tainted)
if [ "$leaks" = 1 ] && [ $((tainted >> 12 & 1)) = 1 ] &&
	[ -w /sys/kernel/debug/kmemleak ]; then
	sleep 5.1
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak >/harp/out/kmemleak.txt
	[ -s /harp/out/kmemleak.txt ] || rm -f /harp/out/kmemleak.txt
fi

echo "$status" >/harp/out/.status
sync
# Not `sync` alone: what the ttys still hold must reach the host as well.
stty -F /dev/tty1 -ixon
stty -F /dev/tty2 -ixon
busybox poweroff -f
