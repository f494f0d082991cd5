/* SPDX-License-Identifier: GPL-2.0 */
#include "cluster/witness.hh"

#include "cluster/channel.hh"
#include "cluster/records.hh"
#include "codec.h"
#include "util/fault.hh"
#include "util/log.hh"
#include "util/text.hh"

#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

namespace harp::cluster {

using namespace vsr;
using namespace std::chrono_literals;

namespace {

/*
 * Records read from the socket and not yet in the file. Beyond it one message a second is read,
 * for the beats among them: what else is on its way is bounded by what clients wait for.
 */
constexpr size_t unwritten_max = 32u << 20;
/* fdatasync this often while records arrive; each makes what is before it durable. */
constexpr auto sync_interval = 200ms;
/* One portion of a FETCH. */
constexpr size_t fill_chunk = 1u << 20;
/* The writer waits for fetched bytes at most so long before it looks after other work. */
constexpr auto fill_turn = 50ms;
/* Within this a whole record must have come, or the source is given up. */
constexpr auto fill_patience = 3s;
/* Until a source is asked again that gave nothing of use. */
constexpr auto fill_again = 200ms;

bool receive_all(int fd, void *data, size_t len) {
    auto *p = static_cast<uint8_t *>(data);
    while (len != 0) {
        ssize_t n = recv(fd, p, len, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        len -= static_cast<size_t>(n);
    }
    return true;
}

time_point_t time_of(__le64 ns) {
    return time_point_t(std::chrono::nanoseconds(static_cast<int64_t>(le64_to_cpu(ns))));
}

} // namespace

struct witness::link {
    unique_fd fd;
    link_wanted which;
    std::mutex send_mutex;
    std::atomic<uint32_t> crc{0}; /* of the last record taken; the chain goes on from it */
    std::atomic<bool> chained{false};
    std::atomic<bool> greeted{false}; /* HELLO is out */
    std::atomic<size_t> unwritten{0};
    std::mutex room_mutex;
    std::condition_variable room;
    std::atomic<bool> up{false}; /* something was heard */
    std::atomic<bool> over{false};

    /* What the reader waits for changes under its mutex: else it misses it, and sleeps on. */
    void wrote(size_t bytes) {
        {
            std::lock_guard lock(room_mutex);
            unwritten -= bytes;
        }
        room.notify_all();
    }
    /* Was it the first to say so? */
    bool end() {
        bool first = false;
        {
            std::lock_guard lock(room_mutex);
            first = !over.exchange(true);
        }
        room.notify_all();
        shutdown(fd.get(), SHUT_RDWR);
        return first;
    }
};

struct witness::batch {
    std::vector<uint64_t> bytes;
    size_t begin = 0;
    size_t end = 0;
    index_t first;
    index_t last;
    bool counts = false; /* in a view: not what is fetched while adopting one */
};

struct fill_state {
    unique_fd fd;
    log_source source;
    std::vector<uint64_t> buf;
    size_t have = 0;
    bool eof = false;
    time_point_t until{}; /* of patience */

    uint8_t *raw() { return reinterpret_cast<uint8_t *>(buf.data()); }

    /* What comes within a turn, up to a portion. */
    void receive() {
        const auto end = boottime_now() + fill_turn;
        while (have < fill_chunk && !eof) {
            auto left = std::chrono::ceil<std::chrono::milliseconds>(end - boottime_now());
            pollfd p{fd.get(), POLLIN, 0};
            if (left <= 0ms || ::poll(&p, 1, static_cast<int>(left.count())) <= 0) {
                return;
            }
            ssize_t n = recv(fd.get(), raw() + have, buf.size() * 8 - have, MSG_DONTWAIT);
            eof = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
            have += n > 0 ? static_cast<size_t>(n) : 0;
        }
    }

    result<size_t> whole() { return whole_records({raw(), have}, UINT64_MAX, SIZE_MAX); }

    void drop(size_t n) {
        memmove(raw(), raw() + n, have - n);
        have -= n;
    }
};

witness::witness(loop &l, witness_config c, hooks h, fetch_fn f, std::unique_ptr<witness_log> log)
    : loop_(l), config_(std::move(c)), hooks_(std::move(h)), fetch_(std::move(f)),
      alive_(std::make_shared<bool>(true)),
      fill_timer_(l.timer([this] { start_fill(fill_retry_); })), log_(std::move(log)),
      object_({config_.members, config_.id.self}, *log_),
      writer_(std::make_unique<worker>("harp-writer")) {
    sync_thread_ = std::thread([this] { sync_main(); });
    pthread_setname_np(sync_thread_.native_handle(), "harp-sync");
}

witness::~witness() {
    *alive_ = false;
    stop_ = true;
    end_link();
    {
        std::lock_guard lock(link_thread_mutex_);
        if (link_thread_.joinable()) {
            link_thread_.join(); /* it gives the writer work */
        }
    }
    writer_.reset();
    sync_wake_.notify_all();
    sync_thread_.join();
}

result<std::unique_ptr<witness>> witness::make(loop &l, witness_config c, hooks h, fetch_fn f) {
    auto log = witness_log::open(c.path, c.size, c.id, c.boot);
    if (!log) {
        return log.error();
    }
    return std::unique_ptr<witness>(
            new witness(l, std::move(c), std::move(h), std::move(f), std::move(*log)));
}

/* A process start is a new life (S1): there is nothing to find. */
object_report witness::found() {
    return {};
}

void witness::post_event(kernel_event e) {
    loop_.post([this, alive = alive_, e = std::move(e)] {
        if (*alive) {
            hooks_.event(e);
        }
    });
}

void witness::flush_events_locked() {
    for (auto &e : object_.take_events()) {
        post_event(std::move(e));
    }
}

void witness::execute(kernel_command command) {
    writer_->run([this, command = std::move(command)] {
        {
            std::lock_guard lock(object_mutex_);
            object_.set_space(log_->room(), 0);
            object_.execute(boottime_now(), command);
            flush_events_locked();
            if (const auto *attach = std::get_if<cmd_attach>(&command.body)) {
                inc_ = attach->inc;
            }
        }
        if (waiting_) {
            greet_when_backup(waiting_);
        }
        loop_.post([this, alive = alive_, want = wanted()] {
            if (*alive) {
                start_fill(want);
            }
        });
    });
}

void witness::touch() {
    touched_ = true;
    poll();
}

/*
 * The writer may hold the object while it carries a command out, which may wait for a
 * disk: the loop, with all other groups, must not. It asks again soon. What is told is
 * posted under the lock, for the core takes the latest for the newest.
 */
void witness::poll() {
    std::unique_lock lock(object_mutex_, std::try_to_lock);
    if (!lock) {
        return;
    }
    if (touched_.exchange(false)) {
        object_.touch(boottime_now());
    }
    object_.set_space(log_->room(), 0);
    object_.tick(boottime_now());
    flush_events_locked();
    post_event(object_.marks(boottime_now()));
}

/* ---- the record link ---- */

/* Its thread is not waited for here: it may wait for the object, behind a disk. */
void witness::end_link() {
    if (link_) {
        (void)link_->end();
        link_.reset();
    }
}

void witness::drop_link() {
    end_link();
}

void witness::give_link(unique_fd socket, link_wanted which) {
    end_link();
    link_ = std::make_shared<link>();
    link_->fd = std::move(socket);
    link_->which = which;
    timeval limit{2, 0};
    setsockopt(link_->fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    /* Behind what is still being written, so that HELLO names the real top. */
    writer_->run([this, l = link_] {
        start_link(l);
        greet_when_backup(l);
    });
}

/* One thread at a time reads records. Writer thread. */
void witness::start_link(const std::shared_ptr<link> &l) {
    std::lock_guard lock(link_thread_mutex_);
    if (l->over) {
        return;
    }
    if (link_thread_.joinable()) {
        link_thread_.join();
    }
    link_thread_ = std::thread([this, l] { link_main(l); });
    pthread_setname_np(link_thread_.native_handle(), "harp-link");
    /* Promises must not wait for other work on this machine (finding 14). */
    struct sched_param param {};
    param.sched_priority = 1;
    (void)pthread_setschedparam(link_thread_.native_handle(), SCHED_FIFO, &param);
}

/*
 * A kernel takes no HELLO from a log that has not reached its view: the link waits
 * until START is adopted. Writer thread. By value: waiting_ itself is passed, and
 * cleared on the way.
 */
void witness::greet_when_backup(std::shared_ptr<link> l) {
    bool ready = false;
    {
        std::lock_guard lock(object_mutex_);
        ready = object_.active() && object_.view().view == l->which.view;
    }
    waiting_ = ready || l->over ? nullptr : l;
    if (ready) {
        send_hello(l);
    }
}

void witness::link_failed(const std::shared_ptr<link> &l, const std::string &why) {
    if (l->end()) {
        post_event(link_changed{l->which.peer, l->which.view, false, why});
    }
}

void witness::send_hello(const std::shared_ptr<link> &l) {
    witness_log::tail end = log_->end();
    harp_wire_hdr h{};
    harp_wire_hello body{};
    incarnation_t inc;
    {
        std::lock_guard lock(object_mutex_);
        inc = inc_;
    }
    body.top = cpu_to_le64(end.top.value());
    body.view_of_top = cpu_to_le64(end.view.value());
    body.crc_of_top = cpu_to_le32(end.crc);
    h.type = HARP_WIRE_HELLO;
    memcpy(h.group, config_.id.group.data(), config_.id.group.size());
    h.lineage = cpu_to_le64(config_.id.lineage.value());
    h.epoch = cpu_to_le32(config_.id.epoch.value());
    h.inc = cpu_to_le64(inc.value());
    h.view = cpu_to_le64(l->which.view.value());
    h.sender = config_.id.self.value();
    harp_wire_seal(&h, &body, 0);
    l->crc = end.crc;
    l->chained = end.crc != 0;
    l->greeted = true;
    std::lock_guard lock(l->send_mutex);
    if (send(l->fd.get(), &h, sizeof(h), MSG_NOSIGNAL | MSG_MORE) != sizeof(h) ||
        send(l->fd.get(), &body, sizeof(body), MSG_NOSIGNAL) != sizeof(body)) {
        link_failed(l, "the primary does not take HELLO");
    }
}

void witness::send_ack(const std::shared_ptr<link> &l, const link_ack &ack) {
    struct {
        harp_wire_hdr h;
        harp_wire_ack a;
    } m{};
    m.h.type = HARP_WIRE_ACK;
    memcpy(m.h.group, config_.id.group.data(), config_.id.group.size());
    m.h.lineage = cpu_to_le64(config_.id.lineage.value());
    m.h.epoch = cpu_to_le32(config_.id.epoch.value());
    m.h.inc = cpu_to_le64(ack.inc.value());
    m.h.view = cpu_to_le64(ack.view.value());
    m.h.sender = ack.sender.value();
    m.a.n = cpu_to_le64(ack.n.value());
    m.a.t = cpu_to_le64(static_cast<uint64_t>(ack.t.time_since_epoch().count()));
    m.a.promise = cpu_to_le64(ack.promise);
    m.a.lb = cpu_to_le64(ack.lb.value());
    m.a.ap = cpu_to_le64(ack.ap.value());
    /* No lower whose space the primary would have to count against (kmod/space.c). */
    m.a.free_bytes = cpu_to_le64(UINT64_MAX);
    m.a.free_inodes = cpu_to_le64(UINT64_MAX);
    m.a.flags = cpu_to_le32((ack.promise != 0 ? HARP_ACK_F_PROMISE : 0) |
                            (ack.no_control ? HARP_ACK_F_NO_CONTROL : 0));
    harp_wire_seal(&m.h, &m.a, 0);
    static_assert(sizeof(m) == sizeof(m.h) + sizeof(m.a));
    std::lock_guard lock(l->send_mutex);
    if (!l->over && send(l->fd.get(), &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m)) {
        link_failed(l, "the primary does not take acknowledgements");
    }
}

/* Group, lineage, epoch, sender, incarnation, view: in that order (harp_wire.h). */
const char *witness::check_identity(const link &l, const harp_wire_hdr &h) const {
    if (memcmp(h.group, config_.id.group.data(), config_.id.group.size()) != 0) {
        return "message of another group";
    }
    if (le64_to_cpu(h.lineage) != config_.id.lineage.value()) {
        return "message of another lineage";
    }
    if (le32_to_cpu(h.epoch) != config_.id.epoch.value()) {
        return "message of another epoch";
    }
    if (slot_t(h.sender) != l.which.peer) {
        return "message of another sender";
    }
    /* Incarnation and view are the object's to judge: they change while a link lives. */
    return nullptr;
}

const char *witness::take_records(const std::shared_ptr<link> &l, const harp_wire_hdr &h,
                                  const uint8_t *body) {
    harp_wire_rec r{};
    memcpy(&r, body, sizeof(r));
    size_t len = le32_to_cpu(h.len) - sizeof(r);
    batch b;
    b.bytes.resize((len + 7) / 8);
    auto *raw = reinterpret_cast<uint8_t *>(b.bytes.data());
    if (len > HARP_WIRE_BATCH_MAX || !receive_all(l->fd.get(), raw, len)) {
        return "the link ended within a message";
    }
    if (!l->greeted) {
        return "records before HELLO";
    }
    if ((le32_to_cpu(r.flags) & HARP_REC_F_FEED) != 0) {
        return "records for a member in no view";
    }
    index_t after(le64_to_cpu(r.prev_index));
    auto run = check_records({raw, len}, after, l->crc, l->chained, config_.id.lineage);
    if (!run || run->ends.size() != le32_to_cpu(r.nrec)) {
        log_warning("record link: {}", run ? "count of records is wrong" : run.error().text);
        return "records that do not check";
    }
    link_records shape;
    shape.sender = slot_t(h.sender);
    shape.inc = incarnation_t(le64_to_cpu(h.inc));
    shape.view = view_t(le64_to_cpu(h.view));
    shape.prev = {after, view_t(le64_to_cpu(r.prev_view))};
    shape.last = run->last;
    shape.starts = run->starts;
    shape.cp = index_t(le64_to_cpu(r.cp));
    shape.ap = index_t(le64_to_cpu(r.ap));
    shape.lb = index_t(le64_to_cpu(r.lb));
    shape.t = time_of(r.t);
    shape.heard = le64_to_cpu(r.heard);
    shape.serving = (le32_to_cpu(r.flags) & HARP_REC_F_SERVING) != 0;
    result<accepted> got = fail(EIO, "");
    {
        std::lock_guard lock(object_mutex_);
        got = object_.accept(boottime_now(), shape);
        flush_events_locked();
    }
    if (!got) {
        log_warning("record link: {}", got.error().text);
        return "records that are refused";
    }
    if (got->ack) {
        send_ack(l, *got->ack);
    }
    if (got->last < got->first) {
        return nullptr;
    }
    auto at = [&](index_t i) { return i < run->first ? 0 : run->ends[i - run->first]; };
    b.begin = at(got->first - 1);
    b.end = at(got->last);
    b.first = got->first;
    b.last = got->last;
    b.counts = got->ack.has_value();
    l->crc = run->crc;
    l->chained = true;
    l->unwritten += b.end - b.begin;
    writer_->run([this, l, b = std::make_shared<batch>(std::move(b))] { write_batch(l, *b); });
    return nullptr;
}

/*
 * It was accepted ahead of this thread: where the log had no room for the records before
 * it, it has no place, and the object knows of it no more.
 */
void witness::write_batch(const std::shared_ptr<link> &l, const batch &b) {
    if (log_->end().top + 1 == b.first) {
        store_batch(l, b);
    }
    l->wrote(b.end - b.begin);
    sync_wake_.notify_one();
}

void witness::store_batch(const std::shared_ptr<link> &l, const batch &b) {
    const auto *raw = reinterpret_cast<const uint8_t *>(b.bytes.data());
    /* The wm, too, before the lock: no promise is to wait for this disk. */
    auto r = log_->append(raw + b.begin, b.end - b.begin,
                          b.counts ? witness_log::raise_wm::yes : witness_log::raise_wm::no);
    if (r) {
        fault_point(fault::log_stored);
    }
    std::optional<link_ack> ack;
    {
        std::lock_guard lock(object_mutex_);
        if (r) {
            ack = object_.stored(boottime_now(), b.last);
        } else {
            object_.store_failed(r.error());
        }
        flush_events_locked();
    }
    if (ack) {
        send_ack(l, *ack);
    }
}

const char *witness::take_message(const std::shared_ptr<link> &l, const harp_wire_hdr &h,
                                  const uint8_t *body) {
    if (const char *why = check_identity(*l, h)) {
        return why;
    }
    switch (h.type) {
    case HARP_WIRE_REC:
        if (!l->up.exchange(true)) {
            post_event(link_changed{l->which.peer, l->which.view, true, ""});
        }
        return take_records(l, h, body);
    case HARP_WIRE_LEAVE: {
        std::lock_guard lock(object_mutex_);
        object_.on_leave(slot_t(h.sender), incarnation_t(le64_to_cpu(h.inc)),
                         view_t(le64_to_cpu(h.view)));
        flush_events_locked();
        return nullptr;
    }
    default:
        return "a message that only a primary takes";
    }
}

void witness::link_main(const std::shared_ptr<link> &l) {
    const char *why = nullptr;
    bool hung_up = false;
    while (!l->over && why == nullptr) {
        harp_wire_hdr h{};
        alignas(8) uint8_t body[256];
        hung_up = !receive_all(l->fd.get(), &h, sizeof(h));
        if (hung_up) {
            why = "the primary hung up";
            break;
        }
        if (harp_wire_check_header(&h, &why) != 0) {
            break;
        }
        uint32_t size = harp_wire_body_size(h.type);
        if (size > sizeof(body) || size > le32_to_cpu(h.len)) {
            why = "a message of a wrong length";
            break;
        }
        if (!receive_all(l->fd.get(), body, size)) {
            why = "the link ended within a message";
            break;
        }
        if (harp_wire_check_body(&h, body, &why) != 0) {
            break;
        }
        why = take_message(l, h, body);
        std::unique_lock lock(l->room_mutex);
        l->room.wait_for(lock, 1s, [&] { return l->over || l->unwritten < unwritten_max; });
    }
    if (why != nullptr && !hung_up && !l->over) {
        refused_++;
    }
    link_failed(l, why != nullptr ? why : "dropped");
}

/* ---- filling up while adopting (V6) ---- */

/* Not asked for in the loop: whoever keeps the object may wait for a disk. */
std::optional<log_source> witness::wanted() {
    std::lock_guard lock(object_mutex_);
    return object_.wants();
}

void witness::start_fill(const std::optional<log_source> &want) {
    if (filling_ || !want) {
        return;
    }
    filling_ = true;
    fetch_(*want, [this, alive = alive_, want = *want](result<unique_fd> fd) {
        if (!*alive) {
            return;
        }
        if (!fd) {
            filling_ = false;
            log_warning("cannot fetch records {} to {}: {}", want.first.value(), want.last.value(),
                        fd.error().text);
            return; /* asked again with the core's next adopt */
        }
        auto f = std::make_shared<fill_state>();
        f->fd = std::move(*fd);
        f->source = want;
        f->buf.resize((fill_chunk + HARP_REC_MAX) / 8 + 1);
        f->until = boottime_now() + fill_patience;
        writer_->run([this, f] { fill_some(f); });
    });
}

/*
 * One portion, then again behind whatever else the writer was asked meanwhile: a
 * fence must not wait for a whole log.
 */
void witness::fill_some(std::shared_ptr<fill_state> f) {
    f->receive();
    auto whole = f->whole();
    bool more = false;
    bool failed = false;
    if (whole && *whole == 0 && !f->eof && boottime_now() < f->until) {
        more = wanted().has_value();
    } else {
        auto taken = whole && *whole != 0
                             ? take_filled(*f, *whole)
                             : fail(EBADMSG, whole ? "nothing came in time" : whole.error().text);
        if (!taken) {
            log_warning("fetched records are not taken: {}", taken.error().text);
        }
        f->until = boottime_now() + fill_patience;
        failed = !taken;
        more = taken && *taken < f->source.last && !(f->eof && f->have == 0);
    }
    if (more) {
        writer_->run([this, f] { fill_some(f); });
        return;
    }
    loop_.post([this, alive = alive_, want = wanted(), failed] {
        if (!*alive) {
            return;
        }
        filling_ = false;
        if (failed) {
            fill_retry_ = want;
            fill_timer_.set_time(boottime_now() + fill_again);
        } else {
            start_fill(want);
        }
    });
}

/* Of @len bytes of whole records in front as much as the object wants; the last one kept. */
result<index_t> witness::take_filled(fill_state &f, size_t len) {
    witness_log::tail end = log_->end();
    auto run = check_records({f.raw(), len}, end.top, end.crc, end.crc != 0, config_.id.lineage);
    if (!run) {
        return run.error();
    }
    result<accepted> got = [&] {
        std::lock_guard lock(object_mutex_);
        return object_.accept_fill(boottime_now(), f.source.member, {end.top, end.view}, run->last,
                                   run->starts);
    }();
    if (!got || got->first > got->last) {
        return got ? fail(ENOENT, "not wanted") : got.error();
    }
    auto stored = log_->append(f.raw(), run->ends[got->last - run->first]);
    f.drop(len);
    {
        std::lock_guard lock(object_mutex_);
        stored ? (void)object_.stored(boottime_now(), got->last)
               : object_.store_failed(stored.error());
        flush_events_locked();
    }
    sync_wake_.notify_one();
    return stored ? result<index_t>(got->last) : stored.error();
}

/* ---- sync ---- */

void witness::sync_main() {
    std::unique_lock lock(sync_mutex_);
    while (!stop_) {
        sync_wake_.wait_for(lock, sync_interval);
        /* Told also when nothing is new: the view may have ended since (finding 18). */
        const bool dirty = log_->dirty();
        auto upto = dirty ? log_->sync() : result<index_t>(log_->fsynced());
        if (dirty && upto) {
            fault_point(fault::log_synced);
        }
        std::lock_guard object_lock(object_mutex_);
        if (upto) {
            object_.set_lb(log_->fsynced()); /* a cut may have come between */
        } else {
            object_.store_failed(upto.error());
        }
        flush_events_locked();
    }
}

/*
 * Behind what is still being written. One sync at a time: the other thread's runs with
 * sync_mutex_ held.
 */
void witness::seal(const seal_wanted &want, std::function<void(result<void>)> done) {
    writer_->run([this, top = want.log.top, done = std::move(done)] {
        result<void> out;
        {
            std::lock_guard lock(sync_mutex_);
            auto upto = log_->sync();
            std::lock_guard object_lock(object_mutex_);
            if (!upto) {
                object_.store_failed(upto.error());
                out = upto.error();
            } else {
                object_.set_lb(log_->fsynced());
                if (log_->fsynced() < top) {
                    out = fail(EIO, fmt::format("the log is on the disk to record {} only",
                                                log_->fsynced().value()));
                }
            }
            flush_events_locked();
        }
        loop_.post([alive = alive_, done, out] {
            if (*alive) {
                done(out);
            }
        });
    });
}

knl::replica_facts witness::facts() const {
    knl::replica_facts f;
    f.present = true;
    f.region = "file";
    f.ring_used = log_->used();
    f.ring_size = log_->size() - HARP_REGION_RING_OFF;
    f.refused = refused_;
    f.link_up = link_ && link_->up && !link_->over;
    return f;
}

void witness::destroy(std::function<void(result<void>)> done) {
    end_link();
    loop_.post([done = std::move(done)] { done({}); });
}

} // namespace harp::cluster
