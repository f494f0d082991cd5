/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/lower_probe.hh"

#include "util/dir.hh"
#include "util/fd.hh"
#include "util/text.hh"

#include <climits>
#include <cstring>
#include <endian.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <thread>

namespace harp::cluster {

namespace {

constexpr size_t head_size = 4096;

/* ext4 (Documentation/filesystems/ext4/super.rst), offsets from the superblock at 1024. */
constexpr size_t ext4_super = 1024;
constexpr uint32_t ext4_block_shift_max = 6; /* of 1024: 64 KiB */
constexpr uint32_t ext4_incompat_recover = 0x4;
constexpr uint32_t ext4_ro_orphan_present = 0x10000;
/* XFS version-5 superblock: log-incompat and needsrepair come and go. */
constexpr uint32_t xfs_incompat_needsrepair = 0x10;
/*
 * Both note the first extended attribute there ever was. Harp sets one on all that it lays
 * out, so that a lower of which that was taken back, and a fresh one, are alike.
 */
constexpr uint32_t ext4_compat_ext_attr = 0x8;
constexpr uint16_t xfs_version_attr = 0x10;

template <typename T>
T at(const std::string &bytes, size_t off) {
    T v{};
    memcpy(&v, bytes.data() + off, sizeof(v));
    return v;
}

result<lower_traits> ext4_traits(const std::string &b) {
    auto le32 = [&](size_t off) { return le32toh(at<uint32_t>(b, ext4_super + off)); };
    auto le16 = [&](size_t off) { return le16toh(at<uint16_t>(b, ext4_super + off)); };
    if (le32(24) > ext4_block_shift_max) {
        return fail(EUCLEAN, "the ext4 superblock on the device is damaged");
    }
    lower_traits t;
    t["block size"] = fmt::format("{}", 1024u << le32(24));
    t["inode size"] = fmt::format("{}", le16(88));
    t["compat features"] = fmt::format("{:#x}", le32(92) & ~ext4_compat_ext_attr);
    t["incompat features"] = fmt::format("{:#x}", le32(96) & ~ext4_incompat_recover);
    t["ro-compat features"] = fmt::format("{:#x}", le32(100) & ~ext4_ro_orphan_present);
    t["extra inode bytes"] = fmt::format("{}", le16(0x15e));
    return t;
}

lower_traits xfs_traits(const std::string &b) {
    auto be32 = [&](size_t off) { return be32toh(at<uint32_t>(b, off)); };
    auto be16 = [&](size_t off) { return be16toh(at<uint16_t>(b, off)); };
    lower_traits t;
    t["block size"] = fmt::format("{}", be32(4));
    t["sector size"] = fmt::format("{}", be16(102));
    t["inode size"] = fmt::format("{}", be16(104));
    t["version"] = fmt::format("{:#x}", be16(100) & ~xfs_version_attr);
    t["directory block log"] = fmt::format("{}", static_cast<unsigned>(b[192]));
    t["features2"] = fmt::format("{:#x}", be32(200));
    t["ro-compat features"] = fmt::format("{:#x}", be32(212));
    t["incompat features"] = fmt::format("{:#x}", be32(216) & ~xfs_incompat_needsrepair);
    return t;
}

result<void> only_lost_found(const std::string &dir) {
    auto found = names_in(dir);
    if (!found) {
        return found.error();
    }
    for (const auto &name : *found) {
        if (name != "lost+found") {
            return fail(EBUSY, fmt::format("the lower is not empty: it holds '{}'. Expected a "
                                           "freshly made file system",
                                           name));
        }
    }
    return {};
}

/* In a mount namespace of this thread alone: nobody else ever sees the mount. */
result<void> look_inside(const std::string &device, const std::string &type,
                         const std::string &dir) {
    if (auto r = make_dirs(dir, 0700); !r) {
        return r;
    }
    if (unshare(CLONE_FS | CLONE_NEWNS) < 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
        return fail_errno("mount namespace");
    }
    if (mount(device.c_str(), dir.c_str(), type.c_str(),
              MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0) {
        return fail(errno,
                    fmt::format("{} does not mount as {}: {}", device, type, errno_text(errno)));
    }
    auto r = only_lost_found(dir);
    umount2(dir.c_str(), 0);
    return r;
}

} // namespace

result<lower_traits> read_traits(const std::string &b, const std::string &type) {
    if (b.size() < head_size) {
        return fail(EINVAL, "the device is too small");
    }
    bool is_ext4 = le16toh(at<uint16_t>(b, ext4_super + 56)) == 0xef53;
    bool is_xfs = b.compare(0, 4, "XFSB") == 0;
    lower_traits t;
    if (type == "ext4" && is_ext4) {
        auto of_ext4 = ext4_traits(b);
        if (!of_ext4) {
            return of_ext4;
        }
        t = std::move(*of_ext4);
    } else if (type == "xfs" && is_xfs) {
        t = xfs_traits(b);
    } else {
        return fail(EINVAL, fmt::format("found {} on the device, expected {}",
                                        is_ext4  ? "an ext file system"
                                        : is_xfs ? "XFS"
                                                 : "no file system that Harp knows",
                                        type));
    }
    t["type"] = type;
    t["char"] = CHAR_MIN < 0 ? "signed" : "unsigned";
    return t;
}

result<lower_traits> probe_lower(const std::string &device, const std::string &type,
                                 const std::string &scratch_dir) {
    unique_fd fd(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    std::string head(head_size, '\0');
    if (!fd || pread(fd.get(), head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) {
        return fail_errno(device);
    }
    fd.reset();
    auto traits = read_traits(head, type);
    if (!traits) {
        return fail(traits.error().code, device + ": " + traits.error().text);
    }
    result<void> inside;
    std::thread([&] { inside = look_inside(device, type, scratch_dir); }).join();
    if (!inside) {
        return inside.error();
    }
    return traits;
}

std::string compare_lowers(const std::string &name_a, const lower_traits &a,
                           const std::string &name_b, const lower_traits &b) {
    std::string out;
    auto keys = a;
    keys.insert(b.begin(), b.end());
    for (const auto &entry : keys) {
        const std::string &key = entry.first;
        auto in = [&](const lower_traits &t) { return t.contains(key) ? t.at(key) : "none"; };
        if (in(a) != in(b)) {
            out += fmt::format("{}{}: {} has {}, {} has {}", out.empty() ? "" : "; ", key, name_a,
                               in(a), name_b, in(b));
        }
    }
    return out;
}

} // namespace harp::cluster
