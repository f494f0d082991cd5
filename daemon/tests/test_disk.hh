/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk that does what a test wants: pwrite(2), fdatasync(2) and fallocate(2) of the
 * whole test program. Included by one file of it only.
 */
#pragma once

#include <functional>
#include <sys/syscall.h>
#include <unistd.h>

namespace harp::test_disk {

/* Instead of the system call, when set. */
inline std::function<int(int fd)> on_fdatasync;
inline std::function<int(int fd)> on_fallocate;
/* Before the system call; may wait. */
inline std::function<void(int fd, off_t at)> before_pwrite;

} // namespace harp::test_disk

extern "C" int fdatasync(int fd) {
    return harp::test_disk::on_fdatasync ? harp::test_disk::on_fdatasync(fd)
                                         : static_cast<int>(syscall(SYS_fdatasync, fd));
}

extern "C" int fallocate(int fd, int mode, off_t at, off_t len) {
    return harp::test_disk::on_fallocate
                   ? harp::test_disk::on_fallocate(fd)
                   : static_cast<int>(syscall(SYS_fallocate, fd, mode, at, len));
}

extern "C" ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    if (harp::test_disk::before_pwrite) {
        harp::test_disk::before_pwrite(fd, at);
    }
    return syscall(SYS_pwrite64, fd, data, len, at);
}
