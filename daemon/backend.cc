/* SPDX-License-Identifier: GPL-2.0 */
#include "backend.hh"

#include "cluster/seal_file.hh"
#include "cluster/witness.hh"
#include "knl/host.hh"
#include "knl/kernel.hh"
#include "linux/harp_netlink.h"
#include "net/tcp.hh"
#include "util/log.hh"
#include "util/text.hh"

#include <fmt/format.h>
#include <mutex>

namespace harp {

namespace {

/* One portion of a FETCH; the kernel gives at most 64 KiB or one record at a time. */
constexpr size_t read_chunk = 1u << 20;

class no_service final : public service_port {
public:
    explicit no_service(loop &l) : loop_(l) {}
    void start(std::vector<net::connection>, done_fn done) override { soon(std::move(done)); }
    void stop(bool, done_fn done) override { soon(std::move(done)); }
    void unmount(done_fn done) override { soon(std::move(done)); }
    void clear_lower(done_fn done) override { soon(std::move(done)); }
    void teardown(done_fn done) override { soon(std::move(done)); }
    std::string describe() const override { return "none"; }

private:
    void soon(done_fn done) {
        loop_.post([done = std::move(done)] { done({}); });
    }
    loop &loop_;
};

class nfs_service final : public service_port {
public:
    nfs_service(service::service &s) : service_(s) {}

    void start(std::vector<net::connection> clients, done_fn done) override {
        service::start_args args;
        args.clients = std::move(clients);
        service_.start(std::move(args), [this, done = std::move(done)](const auto &o) {
            note(o);
            done(o.status);
        });
    }
    void stop(bool handing_over, done_fn done) override {
        stop_with({.release = !handing_over}, std::move(done));
    }
    void unmount(done_fn done) override { stop_with({.umount = true}, std::move(done)); }
    void clear_lower(done_fn done) override {
        service_.clear_lower([done = std::move(done)](const auto &o) { done(o.status); });
    }
    void teardown(done_fn done) override { stop_with({.teardown = true}, std::move(done)); }
    std::string describe() const override {
        return fmt::format("link {}, addresses {}, {} nfsd threads{}", now_.link_up ? "up" : "down",
                           now_.addresses ? "set" : "not set", now_.threads,
                           now_.stuck != 0
                                   ? fmt::format(", {} stuck in {}", now_.stuck, now_.stuck_where)
                                   : "");
    }

    std::vector<net::connection> clients() const override {
        auto found = service_.connections(net::connections_max);
        return found ? std::move(*found) : std::vector<net::connection>();
    }

private:
    void stop_with(service::stop_args args, done_fn done) {
        service_.stop(args, [this, done = std::move(done)](const auto &o) {
            note(o);
            done(o.status);
        });
    }
    void note(const service::outcome &o) { now_ = o.now; }

    service::service &service_;
    service::observed now_;
};

/* The kernel's log for FETCH and files for COPY, each on a socket of its own: it runs in another
 * thread. */
struct kernel_reader {
    std::string group;
    uint8_t member;
    std::mutex mutex;
    std::optional<knl::genl> nl;

    result<knl::attributes> call(knl::request request) {
        std::lock_guard lock(mutex);
        if (!nl) {
            auto opened = knl::genl::open();
            if (!opened) {
                return opened.error();
            }
            nl = std::move(*opened);
        }
        auto r = nl->call(std::move(request));
        if (!r) {
            nl.reset();
        }
        return r;
    }
    result<std::vector<uint8_t>> read(index_t first, index_t last) {
        auto count = std::min<uint64_t>(last - first + 1, UINT32_MAX);
        auto r = call(knl::request(HARP_CMD_LOG_READ, group, member)
                              .u64(HARP_A_INDEX, first.value())
                              .u32(HARP_A_COUNT, static_cast<uint32_t>(count)));
        return r ? result<std::vector<uint8_t>>(std::move(r->records)) : r.error();
    }
    result<cluster::copy_piece> copy(const cluster::copy_cursor &at) {
        knl::request ask(HARP_CMD_COPY_READ, group, member);
        ask.u8(HARP_A_COPY_PASS, at.pass).u64(HARP_A_COPY_FID, at.fid).u64(HARP_A_COPY_AT, at.at);
        if (at.end != 0) {
            ask.u64(HARP_A_COPY_END, at.end);
        }
        auto r = call(std::move(ask));
        if (!r) {
            return r.error();
        }
        cluster::copy_piece p;
        p.next = {static_cast<uint8_t>(r->get(HARP_A_COPY_PASS)), r->get(HARP_A_COPY_FID),
                  r->get(HARP_A_COPY_AT), r->get(HARP_A_COPY_END)};
        p.index = index_t(r->get(HARP_A_INDEX));
        p.count = static_cast<uint32_t>(r->get(HARP_A_COUNT));
        p.records = std::move(r->records);
        return p;
    }
};

service::config service_config(const backend_request &r) {
    const auto &m = r.group->members[r.self.value()];
    service::config c = r.group->service;
    c.group = r.group->name;
    c.run_dir = r.run_dir;
    c.state_dir = r.state_dir.substr(0, r.state_dir.rfind('/'));
    if (!m.parent.empty()) {
        c.link.parent = m.parent;
    }
    if (c.link.mode == service::mac_mode::group && !r.group->mac_given) {
        c.link.mac = net::mac_of_group(r.disk.group);
    }
    return c;
}

/* A log in memory that a reset is to leave alone. */
void keep_memory(const backend_request &r) {
    const auto &region = r.group->members[r.self.value()].region;
    if (!r.keep_memory || region.what == config::region_config::kind::mem) {
        return;
    }
    auto kept = knl::keep_memory();
    if (!kept) {
        log_warning("{}: the firmware is asked to clear memory after a crash, and that cannot be "
                    "changed: {}",
                    r.group->name, kept.error().text);
    } else if (*kept) {
        log_info("{}: the firmware was asked to clear memory after a crash; that is taken back",
                 r.group->name);
    }
}

/* The service first: the replica is mounted by it and must go before it does. */
struct data_parts {
    std::unique_ptr<service::service> svc;
    knl::kernel_replica *replica = nullptr;
};

result<backend> make_data(const backend_request &r) {
    keep_memory(r);
    auto parts = std::make_shared<data_parts>();
    service::hooks hooks;
    hooks.progress = r.progress;
    hooks.trouble = r.trouble;
    hooks.release = [p = parts.get()]() -> result<void> {
        return p->replica != nullptr ? p->replica->release() : result<void>();
    };
    service::config c = service_config(r);
    if (auto ok = service::check(c); !ok) {
        return fail(ok.error().code, r.group->file + ": " + ok.error().text);
    }
    auto svc = service::service::make(r.events->raw(), std::move(c), std::move(hooks));
    if (!svc) {
        return svc.error();
    }
    parts->svc = std::move(*svc);
    knl::kernel_config k;
    k.group = r.group->name;
    k.uuid = r.disk.group;
    k.self = r.self;
    k.epoch = r.disk.epoch;
    k.lineage = r.disk.lineage;
    k.member = r.group->members[r.self.value()];
    k.confirms = r.group->confirms;
    if (r.disk.seal && r.disk.seal->formed == r.disk.formed) {
        k.seal = r.disk.seal;
    }
    k.sealed = [file = cluster::seal_file(r.state_dir)](const vsr::seal_note &note) {
        return file.open(note);
    };
    auto replica = std::make_unique<knl::kernel_replica>(*r.events, std::move(k), *parts->svc,
                                                         r.hooks);
    parts->replica = replica.get();
    backend out;
    out.service = std::make_unique<nfs_service>(*parts->svc);
    out.replica = std::move(replica);
    out.keep = parts;
    auto reader = std::make_shared<kernel_reader>();
    reader->group = r.group->name;
    reader->member = r.self.value();
    out.read_log = [reader](index_t first, index_t last) { return reader->read(first, last); };
    auto copier = std::make_shared<kernel_reader>();
    copier->group = reader->group;
    copier->member = reader->member;
    out.read_copy = [copier](const cluster::copy_cursor &at) { return copier->copy(at); };
    return out;
}

result<backend> make_witness(const backend_request &r) {
    cluster::witness_config c;
    c.id = {r.disk.group, r.disk.lineage, r.disk.epoch, r.self};
    c.members = r.disk.members;
    c.path = r.state_dir + "/log";
    c.size = r.group->members[r.self.value()].log_size;
    c.boot = boot_id();
    auto w = cluster::witness::make(*r.events, std::move(c), r.hooks, r.fetch);
    if (!w) {
        return w.error();
    }
    backend out;
    const cluster::witness_log *log = &(*w)->log();
    out.read_log = [log](index_t first, index_t last) {
        return log->read(first, last, read_chunk);
    };
    out.replica = std::move(*w);
    out.service = std::make_unique<no_service>(*r.events);
    return out;
}

} // namespace

result<backend> make_backend(const backend_request &r) {
    return r.group->members[r.self.value()].is_data() ? make_data(r) : make_witness(r);
}

} // namespace harp
