// SPDX-License-Identifier: GPL-2.0
/* The group's own mounts: /run, /var/lib/nfs, rpc_pipefs, the nfsd fs, the lower, harp. */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "service/steps.hh"
#include "util/dir.hh"

namespace harp::service {

namespace {

using std::chrono::milliseconds;

failure errno_failure(const std::string &what) {
    const int code = errno;
    return fail(code, fmt::format("{}: {}", what, strerror(code)));
}

/* mkdir -p; the mode is for the last one when it is made. */
result<void> make_dirs(const std::string &path, mode_t mode) {
    for (size_t at = 1; at != std::string::npos;) {
        at = path.find('/', at);
        const std::string part = path.substr(0, at);
        const bool last = at == std::string::npos;
        if (mkdir(part.c_str(), last ? mode : 0755) < 0 && errno != EEXIST) {
            return errno_failure(part);
        }
        if (!last) {
            at++;
        }
    }
    return {};
}

bool same_file(const std::string &one, const std::string &other) {
    struct stat a {};
    struct stat b {};
    return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Debian's helpers give up root for the owner of their directory. No such user: root's. */
result<void> give_to(const std::string &path, const char *user) {
    const passwd *pw = getpwnam(user);
    if (pw && chown(path.c_str(), pw->pw_uid, pw->pw_gid) < 0) {
        return errno_failure(path);
    }
    return {};
}

result<void> make_state_dir(const std::string &dir) {
    for (const char *sub : {"", "/nfsdcld", "/v4recovery", "/sm", "/sm.bak"}) {
        if (auto r = make_dirs(dir + sub, 0755); !r) {
            return r;
        }
    }
    /* rpc.statd becomes the owner of its directory "sm"'s parent. */
    for (const char *sub : {"", "/sm", "/sm.bak"}) {
        if (auto r = give_to(dir + sub, "statd"); !r) {
            return r;
        }
    }
    for (const char *file : {"/etab", "/rmtab"}) {
        net::unique_fd fd(open((dir + file).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
        if (!fd) {
            return errno_failure(dir + file);
        }
    }
    return {};
}

result<bool> ensure_mount(const std::string &source, const std::string &point,
                          const std::string &type, unsigned long flags, const std::string &data) {
    auto now = mounted_at(point);
    if (now.ok() && now->type == type && (flags & MS_BIND || now->source == source)) {
        return false;
    }
    if (mount(source.c_str(), point.c_str(), type.c_str(), flags,
              data.empty() ? nullptr : data.c_str()) < 0) {
        return errno_failure(fmt::format("mounting {} at {}", type, point));
    }
    return true;
}

/* Is there nothing in @dir but @ours? Nor is there where it is not there at all. */
result<void> holds_only(const std::string &dir, const std::set<std::string> &ours) {
    auto found = names_in(dir);
    if (!found && found.error().code == ENOENT) {
        return {};
    }
    if (!found) {
        return found.error();
    }
    for (const auto &name : *found) {
        if (!ours.contains(name)) {
            return fail(ENOTEMPTY, fmt::format("{} holds '{}' and is left as it is", dir, name));
        }
    }
    return {};
}

std::string unescape(std::string_view s) {
    std::string out;
    for (size_t i = 0; i < s.size(); i++) {
        if (s[i] == '\\' && i + 3 < s.size()) {
            out += static_cast<char>((s[i + 1] - '0') << 6 | (s[i + 2] - '0') << 3 |
                                     (s[i + 3] - '0'));
            i += 3;
        } else {
            out += s[i];
        }
    }
    return out;
}

std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> out;
    while (!line.empty()) {
        const size_t blank = line.find(' ');
        out.push_back(line.substr(0, blank));
        line = blank == std::string_view::npos ? "" : line.substr(blank + 1);
    }
    return out;
}

} // namespace

result<std::string> read_text(int dir, const std::string &path) {
    net::unique_fd fd(openat(dir, path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return errno_failure(path);
    }
    constexpr size_t most = 4 << 20;
    std::string all;
    char buffer[8192];
    for (;;) {
        const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno_failure(path);
        }
        if (n == 0 || all.size() > most) {
            return all;
        }
        all.append(buffer, static_cast<size_t>(n));
    }
}

result<void> write_text(int dir, const std::string &path, std::string_view text, int flags) {
    net::unique_fd fd(openat(dir, path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644));
    if (!fd) {
        return errno_failure(path);
    }
    /* One write: proc and nfsd files take their line as one. */
    if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return errno_failure(fmt::format("writing to {}", path));
    }
    return {};
}

std::vector<mount_entry> parse_mountinfo(std::string_view text) {
    std::vector<mount_entry> out;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const auto w = words(text.substr(0, end));
        text = end == std::string_view::npos ? "" : text.substr(end + 1);
        /* id parent dev root POINT options optional… - TYPE SOURCE super */
        size_t dash = 6;
        while (dash < w.size() && w[dash] != "-") {
            dash++;
        }
        if (dash + 2 < w.size()) {
            out.push_back({unescape(w[4]), std::string(w[dash + 1]), unescape(w[dash + 2])});
        }
    }
    return out;
}

result<mount_entry> mounted_at(const std::string &path) {
    auto text = read_text(AT_FDCWD, "/proc/self/mountinfo");
    if (!text) {
        return text.error();
    }
    const auto all = parse_mountinfo(*text);
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
        if (it->point == path) {
            return *it;
        }
    }
    return fail(ENOENT, fmt::format("nothing is mounted at {}", path));
}

result<std::string> do_mounts(const context &ctx) {
    const std::string state = fmt::format("{}/{}/nfs", ctx.c->state_dir, ctx.c->group);
    const std::string mark = fmt::format("harp-{}", ctx.c->group);
    /*
     * The mark tells ours from the host's, which the namespace was born with: nfsd's and
     * rpc_pipefs's belong to the network namespace that mounted them. The last one made
     * says that all were.
     */
    const auto run = mounted_at("/run/rpc_pipefs");
    if (run.ok() && run->source == mark) {
        return std::string("found");
    }
    if (auto r = make_state_dir(state); !r) {
        return r.error();
    }
    if (auto r = make_dirs("/var/lib/nfs", 0755); !r) {
        return r.error();
    }
    /* An earlier try may have made it, and failed at what follows. */
    if (!same_file(state, "/var/lib/nfs") &&
        mount(state.c_str(), "/var/lib/nfs", nullptr, MS_BIND, nullptr) < 0) {
        return errno_failure("mounting the group's /var/lib/nfs");
    }
    if (auto r = ensure_mount(mark, "/proc/fs/nfsd", "nfsd", 0, ""); !r) {
        return r.error();
    }
    if (auto r = ensure_mount(mark, "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m");
        !r) {
        return r.error();
    }
    for (const std::string &dir : {std::string("/run/rpcbind"), std::string("/run/rpc_pipefs"),
                                   std::string("/run/lock"), ctx.c->lower_path()}) {
        if (auto r = make_dirs(dir, 0755); !r) {
            return r.error();
        }
    }
    if (auto r = give_to("/run/rpcbind", "_rpc"); !r) {
        return r.error();
    }
    /* Here and nowhere else is it looked for by Debian's nfsdcld. */
    if (auto r = ensure_mount(mark, "/run/rpc_pipefs", "rpc_pipefs", 0, ""); !r) {
        return r.error();
    }
    return std::string("made");
}

result<std::string> do_mount_lower(const context &ctx) {
    const auto &m = ctx.mount;
    auto now = mounted_at(ctx.c->lower_path());
    if (now.ok()) {
        if (now->type != m.type || now->source != m.source) {
            return fail(EBUSY, fmt::format("{} ({}) is mounted at {} already", now->source,
                                           now->type, ctx.c->lower_path()));
        }
        return std::string("found");
    }
    const auto o = lower_mount_options(m);
    if (mount(m.source.c_str(), ctx.c->lower_path().c_str(), m.type.c_str(), o.flags,
              o.data.empty() ? nullptr : o.data.c_str()) < 0) {
        return errno_failure(fmt::format("mounting {} ({})", m.source, m.type));
    }
    return fmt::format("{} at {}", m.source, ctx.c->lower_path());
}

result<std::string> do_mount_harp(const context &ctx) {
    const bool bind = ctx.mount.type == "bind";
    const auto &point = ctx.c->export_path;
    auto now = mounted_at(point);
    if (now.ok() && (bind || now->type == "harp")) {
        return std::string("found");
    }
    if (auto r = make_dirs(point, 0755); !r) {
        return r.error();
    }
    const auto o = split_mount_options(ctx.mount.options);
    const std::string lower = ctx.c->lower_path();
    if (mount(lower.c_str(), point.c_str(), bind ? nullptr : "harp",
              bind ? static_cast<unsigned long>(MS_BIND) : o.flags,
              o.data.empty() || bind ? nullptr : o.data.c_str()) < 0) {
        return errno_failure(fmt::format("mounting harp at {} (the kernel log says more)", point));
    }
    return fmt::format("{} at {}", lower, point);
}

/*
 * All is looked at before anything goes, and directories go by rmdir(2), which spares
 * what holds something. The names are those of kmod/lower.c; of an init that broke off
 * some are missing.
 */
result<void> remove_layout(const std::string &root) {
    static const std::set<std::string> files = {"rows", "ino2fid", "lb", "reserve"};
    const std::string own = root + "/.harp", orphans = own + "/orphans", tree = root + "/tree";
    std::set<std::string> ours = files;
    ours.insert("orphans");
    for (const auto &[dir, names] :
         {std::pair(tree, std::set<std::string>{}), std::pair(orphans, std::set<std::string>{}),
          std::pair(own, ours),
          std::pair(root, std::set<std::string>{".harp", "tree", "lost+found"})}) {
        if (auto r = holds_only(dir, names); !r) {
            return r;
        }
    }
    for (const auto &dir : {tree, orphans}) {
        if (rmdir(dir.c_str()) < 0 && errno != ENOENT) {
            return errno_failure(dir);
        }
    }
    for (const auto &file : files) {
        if (unlink((own + "/" + file).c_str()) < 0 && errno != ENOENT) {
            return errno_failure(file);
        }
    }
    if (rmdir(own.c_str()) < 0 && errno != ENOENT) {
        return errno_failure(own);
    }
    return {};
}

result<std::string> do_clear_lower(const context &ctx) {
    const auto &at = ctx.c->lower_path();
    if (!mounted_at(at).ok()) {
        return std::string("not mounted");
    }
    if (auto r = remove_layout(at); !r) {
        return r.error();
    }
    return at;
}

result<std::string> do_umount(const std::string &path, milliseconds deadline) {
    using clock = std::chrono::steady_clock;
    /* Less than the step's own deadline, so that the reason gets told. */
    const auto end = clock::now() + deadline * 9 / 10;
    if (!mounted_at(path).ok()) {
        return std::string("not mounted");
    }
    for (;;) {
        if (umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0) {
            return path;
        }
        /*
         * nfsd's last files are closed by delayed fput (kernel-notes 49a): EBUSY is
         * asked again, there being nothing to wait on.
         */
        if (errno != EBUSY || clock::now() >= end) {
            return errno_failure(fmt::format("umounting {}", path));
        }
        std::this_thread::sleep_for(milliseconds(20));
    }
}

} // namespace harp::service
