/* SPDX-License-Identifier: GPL-2.0 */
/* What `harpctl status` shows of a group, as JSON. */
#include "member.hh"

#include "util/json.hh"
#include "util/text.hh"
#include "vsr/wire.hh"

#include <chrono>
#include <fmt/format.h>

namespace harp {

using namespace vsr;

namespace {

int64_t ms_since(const std::optional<time_point_t> &then, time_point_t now) {
    return then ? std::chrono::duration_cast<std::chrono::milliseconds>(now - *then).count() : -1;
}

const char *role_name(role r) {
    return r == role::primary ? "primary" : r == role::backup ? "backup" : "none";
}

const char *kind_name(member_kind k) {
    return k == member_kind::primary ? "primary" : k == member_kind::backup ? "backup" : "witness";
}

json counters_of(const counters &c) {
    return {{"wrong_group", c.wrong_group},
            {"wrong_lineage", c.wrong_lineage},
            {"wrong_epoch", c.wrong_epoch},
            {"wrong_sender", c.wrong_sender},
            {"old_incarnation", c.old_incarnation},
            {"lower_view", c.lower_view},
            {"stale_token", c.stale_token},
            {"malformed", c.malformed},
            {"proposals", c.proposals},
            {"views_entered", c.views_entered}};
}

} // namespace

std::string group_member::other_versions() const {
    std::string out;
    for (uint8_t i = 0; i < member_count; i++) {
        if (auto version = peers_[i].other_version) {
            out += fmt::format("{}{}'s harpd speaks version {} of the control messages",
                               out.empty() ? "" : ", ", peer_name(slot_t(i)), *version);
        }
    }
    return out.empty() ? out
                       : fmt::format("{}, this one version {}: give all members one version of "
                                     "harp",
                                     out, wire_version);
}

std::string group_member::suspects() const {
    if (!last_marks_ || !last_marks_->report.suspects) {
        return {};
    }
    const record_range of = *last_marks_->report.suspects;
    const uint64_t first = of.first.value();
    const std::string which = of.first == of.last
                                      ? fmt::format("record {}", first)
                                      : fmt::format("records {} to {}", first, of.last.value());
    const auto &noted = core_->disk().suspects;
    return fmt::format("it was applying {} when it ended{}: harpctl log show {} --from {} -n {}",
                       which, noted && noted->deaths > 1 ? ", and not for the first time" : "",
                       group_.name, first, of.last - of.first + 1);
}

/* P2: the one copy may have an effect of what the other never had. */
std::string group_member::unverified() const {
    const auto &marked = core_->disk().unverified;
    if (marked.empty()) {
        return {};
    }
    return fmt::format("skipped on a person's word: {} {}; compare the copies and the files that "
                       "were written then",
                       marked.size() == 1 ? "record" : "records", indices_text(marked));
}

std::string group_member::stands_in_for() const {
    if (!last_marks_ || last_marks_->report.current_role != role::backup) {
        return {};
    }
    const status_report s = core_->status(boottime_now());
    for (const auto &m : disk_.members) {
        if (m.is_data() && s.primary && m.slot != s.primary) {
            return peer_name(m.slot);
        }
    }
    return {};
}

/* A promoted witness's log has nobody to wait for: it says what room it has left. */
std::string group_member::slow_disks(const status_report &s) const {
    if (!group_.members[self_.value()].is_data()) {
        return room_.say(stands_in_for());
    }
    const auto &partner = s.primary == self_ ? s.backup : s.primary;
    if (!last_marks_ || !partner) {
        return {};
    }
    return backlog_.say(backend_.replica->facts(), last_marks_->report, peer_name(self_),
                        peer_name(*partner));
}

json group_member::status() const {
    time_point_t now = boottime_now();
    status_report s = core_->status(now);
    if (s.state == member_state::returning && !catch_up_->trouble().empty()) {
        s.why_not_serving += "; " + catch_up_->trouble();
        if (catch_up_->needs_copy()) {
            s.advice = copy_advice;
        }
    }
    knl::replica_facts f = backend_.replica->facts();
    const disk_state &disk = core_->disk();
    json members = json::array();
    for (size_t i = 0; i < member_count; i++) {
        const auto &m = group_.members[i];
        const auto &p = peers_[i];
        json networks = json::array();
        for (size_t n = 0; n < m.addresses.size(); n++) {
            networks.push_back({{"address", m.addresses[n]},
                                {"heard_ms", i == self_.value() ? 0 : ms_since(p.heard[n], now)}});
        }
        json one = {{"name", m.name},
                    {"slot", i},
                    {"kind", kind_name(m.kind)},
                    {"self", i == self_.value()},
                    {"networks", networks},
                    {"inc", i == self_.value() ? disk.inc.value() : disk.peer_inc[i].value()}};
        if (p.beat) {
            one["role"] = role_name(p.beat->current_role);
            one["serving"] = p.beat->serving;
            one["formed"] = p.formed.value();
            one["top"] = p.beat->top.value();
            one["cp"] = p.beat->cp.value();
            one["ap"] = p.beat->ap.value();
            one["lb"] = p.beat->lb.value();
            one["text"] = p.beat->text;
        }
        members.push_back(one);
    }
    static const char *const phases[] = {"off", "starting", "on", "stopping", "half"};
    json out = {{"name", group_.name},
                {"uuid", format_uuid(disk.group)},
                {"member", peer_name(self_)},
                {"slot", self_.value()},
                {"kind", kind_name(group_.members[self_.value()].kind)},
                {"state", std::string(to_string(s.state))},
                {"view", s.view.value()},
                {"formed", disk.formed.value()},
                {"agreed", disk.agreed.value()},
                {"incarnation", disk.inc.value()},
                {"lineage", fmt::format("{:016x}", disk.lineage.value())},
                {"epoch", disk.epoch.value()},
                {"primary", s.primary ? json(peer_name(*s.primary)) : json()},
                {"backup", s.backup ? json(peer_name(*s.backup)) : json()},
                {"serving", s.serving},
                {"headline", s.headline},
                {"why_not_serving", s.why_not_serving},
                {"not_survived", s.not_survived},
                {"disks", slow_disks(s)},
                {"suspects", suspects()},
                {"unverified", unverified()},
                {"advice", s.advice},
                {"versions", other_versions()},
                {"machine", machine_},
                {"config", group_.unfit},
                {"members", members},
                {"refused", counters_of(core_->counts())}};
    out["refused"]["wrong_address"] = foreign_;
    out["refused"]["record_link"] = f.refused;
    out["service"] = {{"state", phases[static_cast<size_t>(service_)]},
                      {"text", backend_.service->describe()},
                      {"trouble", service_trouble_}};
    out["replica"] = {{"present", f.present},
                      {"trouble", f.trouble},
                      {"region", f.region},
                      {"region_why", f.region_why},
                      {"read_back", f.read_back},
                      {"ring_used", f.ring_used},
                      {"ring_size", f.ring_size},
                      {"acked", f.acked},
                      {"peer_ap", f.peer_ap},
                      {"peer_lb", f.peer_lb},
                      {"wait_full", f.wait_full},
                      {"wait_lease", f.wait_lease},
                      {"lease", f.confirms ? "confirm" : "time"},
                      {"wait_confirm", f.wait_confirm},
                      {"released", f.released},
                      {"link_up", f.link_up},
                      {"mounted", f.mounted},
                      {"lease_left_ms", f.lease_left_ms}};
    if (last_marks_) {
        const object_report &r = last_marks_->report;
        out["log"] = {{"base", r.log.base.value()}, {"top", r.log.top.value()},
                      {"wm", r.wm.value()},         {"cp", r.cp.value()},
                      {"ap", r.ap.value()},         {"lb", r.lb.value()},
                      {"intact", r.intact},         {"free_bytes", r.free_bytes},
                      {"needs_copy", r.needs_copy}, {"role", role_name(r.current_role)},
                      {"lease_held", r.lease_held}, {"gate_bound", r.gate_bound}};
    }
    return out;
}

} // namespace harp
