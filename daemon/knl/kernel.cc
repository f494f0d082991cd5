/* SPDX-License-Identifier: GPL-2.0 */
#include "knl/kernel.hh"

#include "codec.h"
#include "linux/harp_netlink.h"
#include "util/fault.hh"
#include "util/log.hh"
#include "util/text.hh"

#include <cstring>
#include <fmt/format.h>
#include <sys/epoll.h>

namespace harp::knl {

using namespace vsr;
using std::chrono::milliseconds;

/* A partner that adopts a START must fetch a log first; its HELLO comes after that. */
constexpr duration_t greeting_patience = std::chrono::seconds(1);

/* The worker's own: only its thread touches what is inside after the start. */
struct kernel_replica::io {
    std::string group;
    uint8_t member = 0;
    std::optional<genl> nl;
    std::optional<view_record> view; /* VIEW record of formed, cached */

    request make(uint8_t cmd) const { return {cmd, group, member}; }

    result<attributes> call(request req) {
        if (!nl) {
            auto opened = genl::open();
            if (!opened) {
                return opened.error();
            }
            nl = std::move(*opened);
        }
        auto r = nl->call(std::move(req));
        if (!r && (r.error().code == EAGAIN || r.error().code == EWOULDBLOCK)) {
            nl.reset(); /* timed out: the next call starts with a fresh socket */
            return fail(ETIMEDOUT, "the kernel did not answer");
        }
        return r;
    }

    /* S2: which view the log's header names; its record is in the log. */
    void find_view(object_report &report) {
        if (!report.formed) {
            return;
        }
        if (view && view->view == report.formed) {
            report.view_of_formed = view;
            return;
        }
        for (const auto &start : report.log.starts) {
            if (start.view != report.formed) {
                continue;
            }
            auto r = call(make(HARP_CMD_LOG_READ)
                                  .u64(HARP_A_INDEX, start.first.value())
                                  .u32(HARP_A_COUNT, 1));
            auto record = r ? decode_view_record(r->records) : result<view_record>(r.error());
            if (record) {
                view = *record;
                report.view_of_formed = view;
            }
        }
    }

    result<std::pair<attributes, object_report>> state() {
        auto a = call(make(HARP_CMD_REPLICA_GET));
        if (!a) {
            return a.error();
        }
        object_report report = report_of(*a);
        find_view(report);
        return std::pair(std::move(*a), std::move(report));
    }
};

/* Finding 19: what the kernel before this one was applying when it ended, if above AP. */
static std::optional<record_range> suspects_of(const attributes &a) {
    const uint64_t first = a.get(HARP_A_APPLYING_FIRST);
    const uint64_t count = a.get(HARP_A_APPLYING_COUNT);
    if (count == 0 || a.get(HARP_A_AP) + 1 >= first + count) {
        return std::nullopt;
    }
    return record_range{index_t(first), index_t(first + count - 1)};
}

object_report report_of(const attributes &a) {
    object_report r;
    r.inc = incarnation_t(a.get(HARP_A_INC));
    r.fence = view_t(a.get(HARP_A_FENCE));
    auto role_number = a.get(HARP_A_ROLE);
    bool in_view = a.get(HARP_A_FENCE) <= a.get(HARP_A_VIEW);
    r.current_role = !in_view || role_number > 2 ? role::none : static_cast<role>(role_number);
    r.view = r.current_role == role::none ? view_t() : view_t(a.get(HARP_A_VIEW));
    r.fed = view_t(a.get(HARP_A_FEED_VIEW));
    r.serving = a.get(HARP_A_SERVING) != 0;
    auto lease_left = static_cast<int32_t>(a.get(HARP_A_LEASE_LEFT_MS));
    r.lease_held = r.current_role == role::primary && lease_left > 0;
    r.promise_left = milliseconds(a.get(HARP_A_TIME_LEFT_MS));
    r.hold_left = milliseconds(a.get(HARP_A_HOLD_LEFT_MS));
    r.formed = view_t(a.get(HARP_A_FORMED));
    r.complete = a.get(HARP_A_COMPLETE) != 0;
    r.intact = a.get(HARP_A_INTACT) != 0;
    r.log.base = index_t(a.get(HARP_A_BASE));
    r.log.anchor_view = view_t(a.get(HARP_A_ANCHOR_VIEW));
    r.log.top = index_t(a.get(HARP_A_TOP));
    for (const auto &[view, first] : a.views) {
        r.log.starts.push_back({view_t(view), index_t(first)});
    }
    r.top_crc = static_cast<uint32_t>(a.get(HARP_A_TOP_CRC));
    r.wm = index_t(a.get(HARP_A_WM));
    r.cp = index_t(a.get(HARP_A_CP));
    r.ap = index_t(a.get(HARP_A_AP));
    r.lb = index_t(a.get(HARP_A_LB));
    r.needs_copy = a.get(HARP_A_MEDIA_FAILURE) != 0;
    r.suspects = suspects_of(a);
    r.gate_bound = a.get(HARP_A_GATE_BOUND) != 0;
    r.free_bytes = a.get(HARP_A_FREE_BYTES);
    r.ring = a.get(HARP_A_RING_SIZE);
    return r;
}

std::vector<uint8_t> encode_view(const view_record &v) {
    harp_sec_view s{};
    size_t len = sizeof(s) + v.voids.size() * sizeof(uint64_t);
    s.sec.type = cpu_to_le16(HARP_SEC_VIEW);
    s.sec.len = cpu_to_le32(static_cast<uint32_t>(len));
    s.view = cpu_to_le64(v.view.value());
    s.lineage = cpu_to_le64(v.lineage.value());
    s.primary_inc = cpu_to_le64(v.primary.inc.value());
    s.backup_inc = cpu_to_le64(v.backup.inc.value());
    s.s = cpu_to_le64(v.s.value());
    s.view_of_s = cpu_to_le64(v.view_of_s.value());
    s.epoch = cpu_to_le32(v.epoch.value());
    s.primary = v.primary.slot.value();
    s.backup = v.backup.slot.value();
    s.nvoid = cpu_to_le16(static_cast<uint16_t>(v.voids.size()));
    s.promise_ms = cpu_to_le32(
            static_cast<uint32_t>(std::chrono::duration_cast<milliseconds>(v.promise).count()));
    std::vector<uint8_t> out(len);
    memcpy(out.data(), &s, sizeof(s));
    for (size_t i = 0; i < v.voids.size(); i++) {
        uint64_t at = cpu_to_le64(v.voids[i].value());
        memcpy(out.data() + sizeof(s) + i * sizeof(at), &at, sizeof(at));
    }
    return out;
}

result<view_record> decode_view_record(const std::vector<uint8_t> &bytes) {
    harp_rec rec{};
    const char *why = "";
    std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
    if (!bytes.empty()) {
        memcpy(aligned.data(), bytes.data(), bytes.size());
    }
    if (harp_rec_parse(aligned.data(), bytes.size(), &rec, &why) != 0) {
        return fail(EBADMSG, fmt::format("VIEW record: {}", why));
    }
    if (rec.view_sec == nullptr) {
        return fail(EBADMSG, "not a VIEW record");
    }
    const harp_sec_view &s = *rec.view_sec;
    view_record v;
    v.view = view_t(le64_to_cpu(s.view));
    v.epoch = epoch_t(le32_to_cpu(s.epoch));
    v.lineage = lineage_t(le64_to_cpu(s.lineage));
    v.primary = {slot_t(s.primary), incarnation_t(le64_to_cpu(s.primary_inc))};
    v.backup = {slot_t(s.backup), incarnation_t(le64_to_cpu(s.backup_inc))};
    v.promise = milliseconds(le32_to_cpu(s.promise_ms));
    v.s = index_t(le64_to_cpu(s.s));
    v.view_of_s = view_t(le64_to_cpu(s.view_of_s));
    const auto *voids = reinterpret_cast<const __le64 *>(&s + 1);
    for (unsigned i = 0; i < le16_to_cpu(s.nvoid); i++) {
        v.voids.emplace_back(le64_to_cpu(voids[i]));
    }
    return v;
}

kernel_replica::kernel_replica(loop &l, kernel_config c, service::service &svc, hooks h)
    : loop_(l), config_(std::move(c)), service_(svc), hooks_(std::move(h)),
      io_(std::make_shared<io>()), alive_(std::make_shared<bool>(true)),
      worker_(std::make_unique<worker>("harp-knl")) {
    io_->group = config_.group;
    io_->member = config_.self.value();
}

kernel_replica::~kernel_replica() {
    *alive_ = false;
    worker_.reset();
}

/*
 * @job runs in the worker and returns what is to run afterwards in the loop; that
 * part is dropped when this object has gone.
 */
template <typename Job>
void kernel_replica::in_worker(Job job) {
    worker_->run([&l = loop_, alive = alive_, state = io_, job = std::move(job)]() mutable {
        l.post([alive, then = job(*state)]() mutable {
            if (*alive) {
                then();
            }
        });
    });
}

/*
 * P1: memory has lost the log, and it was sealed. What cannot be read back is lost as it would
 * be without a seal: the member says so, and the group goes on without this log. What there is
 * to say of it, for a person.
 */
template <typename Io>
static std::string read_back(Io &w, const seal_note &note, result<unique_fd> file) {
    fault_point(fault::reading_back);
    auto loaded = file ? w.call(w.make(HARP_CMD_LOG_LOAD)
                                        .u32(HARP_A_FD, static_cast<uint32_t>(file->get())))
                       : result<attributes>(file.error());
    if (!loaded) {
        return "the sealed log is not read back: " + loaded.error().text;
    }
    return fmt::format("the log of view {} was read back to record {}, as it was sealed",
                       note.formed.value(), note.top.value());
}

void kernel_replica::was_read_back(std::string what, bool whole) {
    log_line(whole ? log_level::info : log_level::error, config_.group + ": " + what);
    facts_.read_back = std::move(what);
}

object_report kernel_replica::found() {
    auto s = io_->state();
    if (!s) {
        facts_.present = false;
        facts_.trouble = s.error().code == ENODEV || s.error().code == ENOENT
                                 ? "no replica in the kernel yet"
                                 : s.error().text;
        return {};
    }
    if (config_.seal && config_.sealed && !s->second.intact) {
        /* The earlier harpd ended between the mount and this. */
        auto back = read_back(*io_, *config_.seal, config_.sealed(*config_.seal));
        if (auto again = io_->state()) {
            s = std::move(again);
        }
        was_read_back(std::move(back), s->second.intact);
    }
    auto own = io_->nl ? io_->nl->subscribe() : result<unique_fd>(fail(ENOENT, "no netlink"));
    if (own) {
        watch_events(std::move(*own));
    }
    /* H runs since the earlier harpd's last one (G2), and there is more to start yet. */
    if (auto r = io_->call(io_->make(HARP_CMD_TOUCH)); !r) {
        log_warning("{}: the replica takes no touch: {}", config_.group, r.error().text);
    }
    state_arrived(s->first);
    /* An earlier harpd's view goes on: its links may be added at once (S2). */
    entered_ = s->second.view;
    link_view_ = s->second.view;
    link_peer_ = slot_t(static_cast<uint8_t>(s->first.get(HARP_A_PEER)));
    link_added_ = facts_.link_up;
    link_why_ = "it ended";
    service_.prepare([this, alive = alive_](const service::outcome &) {
        if (*alive) {
            subscribe_in_group();
        }
    });
    return s->second;
}

/* The replica multicasts where it was mounted: in the group's network namespace. */
void kernel_replica::subscribe_in_group() {
    if (group_events_) {
        return;
    }
    auto r = service_.bind_gate([this](unsigned) -> result<void> {
        auto nl = genl::open();
        auto events = nl ? nl->subscribe() : result<unique_fd>(nl.error());
        if (!events) {
            return events.error();
        }
        watch_events(std::move(*events));
        group_events_ = true;
        return {};
    });
    if (!r) {
        log_debug("{}: events of the kernel: {}", config_.group, r.error().text);
    }
}

void kernel_replica::watch_events(unique_fd fd) {
    int raw = fd.get();
    auto source = loop_.watch(raw, EPOLLIN, [this, raw](uint32_t) {
        if (!read_events(raw, [this](const attributes &a) { on_event(a); })) {
            resync();
        }
    });
    events_.emplace_back(std::move(fd), std::move(source));
}

/* ENOBUFS: events were lost, so everything they could have said is read anew. */
void kernel_replica::resync() {
    log_warning("{}: the kernel's events came too fast, reading its state anew", config_.group);
    poll();
}

void kernel_replica::state_arrived(const attributes &a) {
    static const char *const kinds[] = {"plain memory: gone with the kernel", "memmap", "reserve"};
    facts_.present = true;
    facts_.trouble.clear();
    auto kind = a.get(HARP_A_REGION_KIND);
    facts_.region = kind < std::size(kinds) ? kinds[kind] : "unknown";
    facts_.region_why = a.region_why;
    facts_.ring_used = a.get(HARP_A_RING_USED);
    facts_.ring_size = a.get(HARP_A_RING_SIZE);
    facts_.acked = a.get(HARP_A_ACKED);
    facts_.peer_ap = a.get(HARP_A_PEER_AP);
    facts_.peer_lb = a.get(HARP_A_PEER_LB);
    facts_.refused = a.get(HARP_A_REFUSED);
    facts_.wait_full = a.get(HARP_A_WAIT_FULL);
    facts_.wait_lease = a.get(HARP_A_WAIT_LEASE);
    facts_.confirms = a.get(HARP_A_LEASE_CONFIRM) != 0;
    facts_.wait_confirm = a.get(HARP_A_WAIT_CONFIRM);
    facts_.released = a.get(HARP_A_RELEASED);
    facts_.link_up = a.get(HARP_A_LINK_UP) != 0;
    facts_.mounted = a.get(HARP_A_MOUNTED) != 0;
    facts_.lease_left_ms = static_cast<int32_t>(a.get(HARP_A_LEASE_LEFT_MS));
    judge_link();
}

/*
 * Is the link given last dead? LINK_DEAD alone does not say so: it may be about the
 * link that this one replaced, and answering it with yet another one would go on for
 * ever. A young link may still wait for the backup's HELLO.
 */
void kernel_replica::judge_link() {
    if (facts_.link_up && link_added_) {
        link_patience_ = boottime_now();
        return;
    }
    if (!link_added_ || boottime_now() < link_patience_) {
        return;
    }
    link_added_ = false;
    hooks_.event(link_changed{link_peer_, link_view_, false, link_why_});
}

/*
 * When the partner was last heard. The object tells it by its promise (given at
 * each message of the primary) or its lease (from each answer of the backup).
 */
static std::optional<time_point_t> partner_heard(const attributes &a, time_point_t now) {
    milliseconds delta(a.get(HARP_A_PROMISE_MS));
    if (a.get(HARP_A_ROLE) == HARP_NL_ROLE_BACKUP && a.get(HARP_A_TIME_LEFT_MS) != 0) {
        return now - delta + milliseconds(a.get(HARP_A_TIME_LEFT_MS));
    }
    if (a.get(HARP_A_ROLE) == HARP_NL_ROLE_PRIMARY) {
        auto left = static_cast<int32_t>(a.get(HARP_A_LEASE_LEFT_MS));
        auto sent = now + milliseconds(left) - delta * HARP_LEASE_PCT / 100;
        return left != 0 && sent < now ? std::optional(sent) : std::nullopt;
    }
    return std::nullopt;
}

watermarks marks_of(const attributes &a, const object_report &report, time_point_t now) {
    watermarks out;
    out.report = report;
    out.partner_heard = partner_heard(a, now);
    out.acked = index_t(a.get(HARP_A_ACKED));
    out.partner_no_control = a.get(HARP_A_PEER_NO_CONTROL) != 0;
    return out;
}

void kernel_replica::poll() {
    if (polling_) {
        return;
    }
    polling_ = true;
    in_worker([this](io &w) {
        auto s = w.state();
        return [this, s = std::move(s)] {
            polling_ = false;
            if (!s) {
                facts_.present = false;
                facts_.trouble = s.error().text;
                return;
            }
            state_arrived(s->first);
            hooks_.event(marks_of(s->first, s->second, boottime_now()));
        };
    });
}

void kernel_replica::touch() {
    in_worker([this](io &w) {
        auto r = w.call(w.make(HARP_CMD_TOUCH));
        return [this, ok = r.ok()] {
            if (ok) {
                poll();
            }
        };
    });
}

void kernel_replica::answer(token_t token, result<object_report> what, refusal why,
                            std::string text, duration_t left) {
    command_done done;
    done.token = token;
    done.ok = why == refusal::none && what.ok();
    done.why = done.ok ? refusal::none : (why == refusal::none ? refusal::failed : why);
    done.time_left = left;
    done.text = text.empty() && !what ? what.error().text : std::move(text);
    if (what) {
        done.report = *what;
    }
    hooks_.event(done);
}

namespace {

/* The kernel's answer when it has no such replica. */
bool is_gone(const failure &f) {
    return f.code == ENODEV || f.code == ENOENT;
}

struct outcome {
    result<object_report> report = fail(EIO, "not asked");
    refusal why = refusal::none;
    std::string text;
    duration_t left{};
};

template <typename State>
outcome finish(State &&s, refusal why = refusal::none, std::string text = {},
               duration_t left = {}) {
    outcome o;
    if (s) {
        o.report = s->second;
    } else {
        o.report = s.error();
    }
    o.why = why;
    o.text = std::move(text);
    o.left = left;
    return o;
}

/* L4's three reasons, told apart by what the object says of itself. */
refusal why_busy(const attributes &a) {
    if (a.get(HARP_A_HOLD_LEFT_MS) != 0) {
        return refusal::hold;
    }
    if (static_cast<int32_t>(a.get(HARP_A_LEASE_LEFT_MS)) > 0) {
        return refusal::lease;
    }
    return refusal::promise;
}

template <typename Io>
outcome do_fence(Io &w, const cmd_fence &cmd) {
    auto r = w.call(w.make(HARP_CMD_FENCE)
                            .u64(HARP_A_VIEW, cmd.view.value())
                            .u8(HARP_A_BY, cmd.by.value()));
    auto s = w.state();
    if (!r) {
        return finish(s, r.error().code == EINVAL ? refusal::fenced : refusal::failed,
                      r.error().text);
    }
    if (r->has(HARP_A_RESULT) && r->get(HARP_A_RESULT) == 0) {
        return finish(s, why_busy(*r), "a promise, lease or hold runs",
                      milliseconds(r->get(HARP_A_TIME_LEFT_MS)));
    }
    return finish(s);
}

template <typename Io>
outcome do_adopt(Io &w, const cmd_adopt &cmd) {
    const view_record &record = cmd.what.record;
    auto before = w.state();
    if (before && before->second.formed == record.view) {
        w.view = record;
        before->second.view_of_formed = record;
        return finish(before); /* asked again */
    }
    auto bytes = encode_view(record);
    auto ask = w.make(HARP_CMD_VIEW_START);
    ask.bytes(HARP_A_VIEW_RECORD, bytes.data(), bytes.size())
            .u64(HARP_A_MATCH, cmd.match.index.value());
    if (cmd.what.crc_of_s != 0) {
        ask.u32(HARP_A_CRC_OF_S, cmd.what.crc_of_s);
    }
    auto r = w.call(ask);
    if (!r) {
        auto s = w.state();
        refusal why = r.error().code == EBUSY       ? refusal::retry
                      : r.error().code == ESTALE    ? refusal::fenced
                      : r.error().code == ETIMEDOUT ? refusal::retry
                                                    : refusal::failed;
        return finish(s, why, r.error().text);
    }
    w.view = record;
    return finish(w.state());
}

template <typename Io>
outcome do_serve(Io &w, const cmd_serve &cmd) {
    auto s = w.state();
    if (!s) {
        return finish(s, refusal::retry, s.error().text);
    }
    const object_report &r = s->second;
    if (r.view != cmd.view) {
        return finish(s, refusal::fenced, "not the primary of that view any more");
    }
    if (r.serving) {
        return finish(s);
    }
    std::string waits = !r.gate_bound   ? "the gate is not bound"
                        : !r.lease_held ? "no lease from the backup yet"
                        : r.cp > r.ap   ? fmt::format("applying records {} to {}", r.ap.value() + 1,
                                                      r.cp.value())
                                        : "the kernel does not serve yet";
    return finish(s, refusal::retry, waits);
}

template <typename Io>
outcome do_leave(Io &w, const cmd_leave &) {
    auto r = w.call(w.make(HARP_CMD_LEAVE));
    auto s = w.state();
    return r ? finish(s) : finish(s, refusal::failed, r.error().text);
}

/* LEAVE ends the role and a feed, whatever this member was in; harpd adopts nothing after it. */
template <typename Io>
outcome do_seal(Io &w) {
    return do_leave(w, cmd_leave{});
}

/* Once it is carried out, the object takes part in no view below this one. */
view_t least_view_after(const kernel_command_body &body) {
    if (const auto *fence = std::get_if<cmd_fence>(&body)) {
        return fence->view;
    }
    if (const auto *adopt = std::get_if<cmd_adopt>(&body)) {
        return adopt->what.record.view;
    }
    if (const auto *leave = std::get_if<cmd_leave>(&body)) {
        return leave->view + 1;
    }
    if (const auto *seal = std::get_if<cmd_seal>(&body)) {
        return seal->above;
    }
    return {};
}

} // namespace

void kernel_replica::execute(kernel_command command) {
    if (const auto *attach = std::get_if<cmd_attach>(&command.body)) {
        mount(command, *attach);
        return;
    }
    if (const auto *e = std::get_if<cmd_enter>(&command.body)) {
        enter(command.token, *e);
        return;
    }
    in_worker([this, command](io &w) {
        outcome o;
        if (const auto *fence = std::get_if<cmd_fence>(&command.body)) {
            o = do_fence(w, *fence);
        } else if (const auto *adopt = std::get_if<cmd_adopt>(&command.body)) {
            o = do_adopt(w, *adopt);
        } else if (const auto *serve = std::get_if<cmd_serve>(&command.body)) {
            o = do_serve(w, *serve);
        } else if (const auto *leave = std::get_if<cmd_leave>(&command.body)) {
            o = do_leave(w, *leave);
        } else if (std::holds_alternative<cmd_seal>(command.body)) {
            o = do_seal(w);
        }
        return [this, command, o = std::move(o)]() mutable {
            if (o.why == refusal::none) {
                end_links_below(least_view_after(command.body));
            }
            answer(command.token, std::move(o.report), o.why, std::move(o.text), o.left);
        };
    });
}

/* What was refused has changed nothing: its view's link goes on, or comes back. */
void kernel_replica::end_links_below(view_t view) {
    if (entered_ < view) {
        entered_ = view_t();
        link_added_ = false;
    }
    if (waiting_link_ && waiting_link_->second.view < view) {
        waiting_link_.reset();
    }
}

/* S1: the mount makes the object, with the incarnation that is on disk by now. */
void kernel_replica::mount(const kernel_command &command, const cmd_attach &cmd) {
    /* Asked again because mounting takes long: the one under way answers. */
    bool under_way = static_cast<bool>(attach_token_);
    attach_token_ = command.token;
    const bool counts = cmd.seal && cmd.seal->formed == cmd.formed;
    seal_ = counts ? cmd.seal : std::nullopt;
    if (under_way) {
        return;
    }
    service::mount_args lower;
    lower.source = config_.member.device;
    lower.type = config_.member.fs_type;
    lower.options = config_.member.fs_options;
    service::mount_args harp;
    auto hold = std::chrono::duration_cast<milliseconds>(cmd.hold).count();
    /* First life of a member that has promised nothing: the lower is laid out. */
    bool init = !cmd.formed && !cmd.fence;
    harp.options = fmt::format(
            "group={},uuid={},member={},inc={},lineage={},epoch={},hold={},"
            "region={},lease={}{}{}",
            config_.group, format_uuid(config_.uuid), config_.self.value(), cmd.inc.value(),
            config_.lineage.value(), config_.epoch.value(), hold, config_.member.region.text,
            config_.confirms ? "confirm" : "time", init ? ",init" : "", config_.harp_options);
    auto alive = alive_;
    auto then = [this, alive](const result<void> &r) {
        if (*alive) {
            mounted(r);
        }
    };
    service_.prepare([](service::outcome) {});
    service_.mount_lower(lower, [this, alive, then, harp, init](const service::outcome &o) {
        if (!*alive) {
            return;
        }
        if (!o.status) {
            then(fail(o.status.error().code, "the lower: " + o.status.error().text));
            return;
        }
        service_.mount_harp(harp, [this, alive, then, harp, init](const service::outcome &m) {
            if (m.status || !init || !*alive) {
                then(m.status);
                return;
            }
            /* A life before this one laid it out and ended before the first view. */
            service::mount_args plain = harp;
            plain.options.erase(plain.options.rfind(",init"), strlen(",init"));
            service_.mount_harp(plain, [then, first = m.status](const service::outcome &again) {
                then(again.status ? again.status : first);
            });
        });
    });
}

void kernel_replica::mounted(const result<void> &r) {
    if (!r) {
        answer(std::exchange(attach_token_, {}), r.error(), refusal::failed, r.error().text);
        return;
    }
    in_worker([this, seal = seal_, sealed = config_.sealed](io &w) {
        auto s = w.state();
        std::string back;
        if (s && seal && sealed && !s->second.intact) {
            back = read_back(w, *seal, sealed(*seal));
            s = w.state();
        }
        result<unique_fd> events = w.nl ? w.nl->subscribe()
                                        : result<unique_fd>(fail(ENOENT, "no netlink"));
        auto fd = std::make_shared<unique_fd>(events ? std::move(*events) : unique_fd());
        return [this, s = std::move(s), fd, back = std::move(back)] {
            token_t token = std::exchange(attach_token_, {});
            if (!back.empty()) {
                was_read_back(back, s && s->second.intact);
            }
            if (*fd && events_.empty()) {
                watch_events(std::move(*fd));
            }
            subscribe_in_group();
            if (s) {
                state_arrived(s->first);
            }
            answer(token, s ? result<object_report>(s->second) : s.error(), refusal::none, "");
        };
    });
}

/*
 * The role was taken by VIEW_START; from here its links may carry ACKs, for the
 * disk says "formed" by now (finding 4). The primary's gate must be bound first (V8).
 */
void kernel_replica::enter(token_t token, const cmd_enter &cmd) {
    if (cmd.as == role::primary) {
        auto bound = service_.bind_gate([this](unsigned ifindex) -> result<void> {
            auto nl = genl::open();
            if (!nl) {
                return nl.error();
            }
            auto r = nl->call(request(HARP_CMD_GATE_BIND, config_.group, config_.self.value())
                                      .u32(HARP_A_IFINDEX, ifindex));
            if (!r && r.error().code != EEXIST && r.error().code != EALREADY) {
                return r.error();
            }
            return {};
        });
        if (!bound) {
            answer(token, bound.error(), refusal::retry, "the gate: " + bound.error().text);
            return;
        }
    }
    entered_ = cmd.record.view;
    in_worker([this, token](io &w) {
        auto s = w.state();
        return [this, token, s = std::move(s)] {
            answer(token, s ? result<object_report>(s->second) : s.error(), refusal::none, "");
            try_link();
        };
    });
}

void kernel_replica::give_link(unique_fd socket, link_wanted which) {
    waiting_link_ = std::pair(std::move(socket), which);
    try_link();
}

void kernel_replica::try_link() {
    if (!waiting_link_ || waiting_link_->second.view != entered_) {
        return;
    }
    auto fd = std::make_shared<unique_fd>(std::move(waiting_link_->first));
    link_wanted which = waiting_link_->second;
    waiting_link_.reset();
    link_view_ = which.view;
    link_peer_ = which.peer;
    link_why_ = "the partner does not greet";
    in_worker([this, fd, which](io &w) {
        auto r = w.call(w.make(HARP_CMD_LINK_ADD)
                                .u32(HARP_A_FD, static_cast<uint32_t>(fd->get()))
                                .u8(HARP_A_PEER, which.peer.value()));
        fd->reset(); /* the kernel has a reference of its own */
        return [this, r = std::move(r), which] {
            if (!r) {
                hooks_.event(link_changed{which.peer, which.view, false, r.error().text});
            } else if (which.view == entered_) {
                link_added_ = true;
                link_patience_ = boottime_now() + greeting_patience;
            }
        };
    });
}

void kernel_replica::drop_link() {
    waiting_link_.reset();
    link_added_ = false;
    in_worker([](io &w) {
        (void)w.call(w.make(HARP_CMD_LINK_DROP));
        return [] {};
    });
}

void kernel_replica::feed(feed_args args, unique_fd link, std::function<void(result<void>)> done) {
    auto fd = std::make_shared<unique_fd>(std::move(link));
    in_worker([args, fd, done = std::move(done)](io &w) {
        auto req = w.make(HARP_CMD_FEED)
                           .u64(HARP_A_VIEW, args.view.value())
                           .u8(HARP_A_PEER, args.peer.value())
                           .u64(HARP_A_PEER_INC, args.peer_inc.value())
                           .u64(HARP_A_MATCH, args.match.value());
        if (args.upto) {
            req.u64(HARP_A_FEED_UPTO, args.upto->value());
        }
        auto r = w.call(std::move(req));
        if (r) {
            r = w.call(w.make(HARP_CMD_LINK_ADD)
                               .u32(HARP_A_FD, static_cast<uint32_t>(fd->get()))
                               .u8(HARP_A_PEER, args.peer.value()));
        }
        fd->reset(); /* the kernel has a reference of its own */
        return [done, out = r ? result<void>() : result<void>(r.error())] { done(out); };
    });
}

result<void> kernel_replica::release() {
    auto nl = genl::open();
    auto r = nl ? nl->call(request(HARP_CMD_RELEASE, config_.group, config_.self.value()))
                : result<attributes>(nl.error());
    /* A replica that was destroyed has nothing parked, nor has one without a module. */
    return r || is_gone(r.error()) ? result<void>() : r.error();
}

void kernel_replica::destroy(std::function<void(result<void>)> done) {
    in_worker([done = std::move(done), lineage = config_.lineage.value()](io &w) {
        auto r = w.call(w.make(HARP_CMD_REPLICA_DEL).u64(HARP_A_LINEAGE, lineage));
        bool gone = r || is_gone(r.error());
        return [done, out = gone ? result<void>() : result<void>(r.error())] { done(out); };
    });
}

replica_facts kernel_replica::facts() const {
    return facts_;
}

void kernel_replica::on_event(const attributes &a) {
    if (a.group != config_.group || a.get(HARP_A_MEMBER) != config_.self.value()) {
        return;
    }
    view_t value(a.get(HARP_A_VALUE));
    switch (a.get(HARP_A_EVENT)) {
    case HARP_EVENT_LINK_DEAD:
        link_why_ = a.text; /* of which link: the poll below tells */
        log_info("{}: a record link ended: {}", config_.group, a.text);
        break;
    case HARP_EVENT_LINK_UP:
        facts_.link_up = true;
        if (entered_) { /* else it is fed */
            hooks_.event(link_changed{link_peer_, link_view_, true, a.text});
        }
        break;
    case HARP_EVENT_LEASE_LOST:
    case HARP_EVENT_LEASE_BACK:
        hooks_.event(lease_changed{value, a.get(HARP_A_EVENT) == HARP_EVENT_LEASE_BACK});
        break;
    case HARP_EVENT_HIGHER_VIEW:
        hooks_.event(higher_view{value, link_peer_});
        break;
    case HARP_EVENT_LEAVE:
        hooks_.event(partner_left{value});
        break;
    case HARP_EVENT_NO_CONTROL: /* its value is a slot; a link is of one view */
        hooks_.event(partner_no_control{link_view_});
        break;
    case HARP_EVENT_MEDIA_FAILURE:
        hooks_.event(media_failure{fmt::format("{} (record {})", a.text, value.value())});
        break;
    case HARP_EVENT_LOG_HIGH:
        if (hooks_.log_high) {
            hooks_.log_high(static_cast<unsigned>(value.value()));
        }
        break;
    default:
        break; /* SERVING, STARTED: the state says it all */
    }
    poll();
}

} // namespace harp::knl
