/* SPDX-License-Identifier: GPL-2.0 */
#include "util/dir.hh"

#include "util/text.hh"

#include <algorithm>
#include <cerrno>
#include <dirent.h>

namespace harp {

result<std::vector<std::string>> names_in(const std::string &dir) {
    std::vector<std::string> out;
    DIR *d = opendir(dir.c_str());
    if (d == nullptr) {
        return fail_errno(dir);
    }
    errno = 0;
    while (const dirent *e = readdir(d)) {
        const std::string name = e->d_name;
        if (name != "." && name != "..") {
            out.push_back(name);
        }
        errno = 0;
    }
    const int err = errno;
    closedir(d);
    if (err != 0) {
        errno = err;
        return fail_errno(dir);
    }
    std::sort(out.begin(), out.end());
    return out;
}

} // namespace harp
