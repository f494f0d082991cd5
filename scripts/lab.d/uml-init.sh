# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced by the image's uml-init: makes a whole machine around one command,
# runs it, checks for leaks, notes its exit status and powers off. Starting a
# program costs 0.1 s on the debug kernel, so few are started.

read -r words </proc/cmdline
for word in $words; do
	case "$word" in
	harplab.src=*) src=${word#*=} ;;
	harplab.out=*) out=${word#*=} ;;
	harplab.kmemleak=*) leaks=${word#*=} ;;
	esac
done

# The image is shared and read-only: all writes go to memory.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
cat >/mnt/fstab <<F
overlay	/mnt/root	overlay	lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work
proc	/mnt/root/proc	proc	defaults
sysfs	/mnt/root/sys	sysfs	defaults
dev	/mnt/root/dev	devtmpfs	mode=755
devpts	/mnt/root/dev/pts	devpts	X-mount.mkdir
tmpfs	/mnt/root/dev/shm	tmpfs	X-mount.mkdir
tmpfs	/mnt/root/run	tmpfs	mode=755
lock	/mnt/root/run/lock	tmpfs	X-mount.mkdir
tmpfs	/mnt/root/tmp	tmpfs	defaults
cgroup2	/mnt/root/sys/fs/cgroup	cgroup2	defaults
configfs	/mnt/root/sys/kernel/config	configfs	defaults
debugfs	/mnt/root/sys/kernel/debug	debugfs	defaults
tracefs	/mnt/root/sys/kernel/tracing	tracefs	defaults
src	/mnt/root/harp/src	hostfs	ro,$src
out	/mnt/root/harp/out	hostfs	$out
F
mount -a -T /mnt/fstab || busybox poweroff -f
cd /mnt/root || busybox poweroff -f
pivot_root . mnt || busybox poweroff -f
cd /
umount -l /mnt/harp/src
ln -sf /proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /dev
mv /dev/0 /dev/stdin
mv /dev/1 /dev/stdout
mv /dev/2 /dev/stderr
echo uml >/proc/sys/kernel/hostname
ip link set lo up
stty -F /dev/tty1 raw -echo
stty -F /dev/tty2 raw -echo

cd /harp/src || busybox poweroff -f
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
# What the ttys still hold must reach the host as well: stty waits for it.
stty -F /dev/tty1 -ixon
stty -F /dev/tty2 -ixon
busybox poweroff -f
