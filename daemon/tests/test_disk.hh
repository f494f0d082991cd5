/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk that does what a test wants: pwrite(2) and fdatasync(2) of the whole test
 * program. Included by one file of it only.
 */
#pragma once

#include <functional>
#include <sys/syscall.h>
#include <unistd.h>

namespace harp::test_disk {

/* Instead of the system call, when set. */
inline std::function<int(int fd)> on_fdatasync;

} // namespace harp::test_disk

extern "C" int fdatasync(int fd) {
    return harp::test_disk::on_fdatasync ? harp::test_disk::on_fdatasync(fd)
                                         : static_cast<int>(syscall(SYS_fdatasync, fd));
}
