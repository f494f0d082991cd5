/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control messages of a peer that sends what it likes. The first byte chooses:
 * bytes as they come, or with length and checksum put right, so that what lies
 * behind the checksum is reached. What decodes must encode to the same bytes again,
 * and is then given to a core in the middle of its work: it may refuse, not fall.
 */
#include "vsr/core.hh"
#include "vsr/wire.hh"

#include <cstdlib>

using namespace harp;
using namespace harp::vsr;

static void put32(std::vector<uint8_t> &bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) {
        bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
    }
}

static std::vector<uint8_t> sealed(std::span<const uint8_t> in) {
    std::vector<uint8_t> out(in.begin(), in.end());
    if (out.size() >= wire_header_bytes) {
        put32(out, 8, static_cast<uint32_t>(out.size() - wire_header_bytes));
        put32(out, 64, 0);
        std::span<const uint8_t> all(out);
        put32(out, 64,
              crc32c(all.subspan(wire_header_bytes), crc32c(all.first(wire_header_bytes))));
    }
    return out;
}

static member_table members() {
    member_table m;
    m[0] = {member_id(1), slot_t(0), member_kind::primary, "alfa"};
    m[1] = {member_id(2), slot_t(1), member_kind::backup, "bravo"};
    m[2] = {member_id(3), slot_t(2), member_kind::witness, "whisky"};
    return m;
}

/* A backup of view 4 whose object grants whatever it is asked. */
static void into_core(message msg) {
    config cfg;
    cfg.members = members();
    cfg.self = slot_t(1);
    disk_state disk;
    disk.members = members();
    disk.self = slot_t(1);
    disk.inc = incarnation_t(1);
    object_report report;
    report.inc = incarnation_t(1);
    report.intact = true;
    time_point_t now{std::chrono::seconds(10)};
    core c(cfg, disk, report, now);
    msg.header.group = {};
    msg.header.lineage = {};
    msg.header.epoch = {};
    msg.header.sender = slot_t(msg.header.sender.value() % member_count);
    msg.header.sender_id = cfg.members[msg.header.sender.value()].id;
    for (int round = 0; round < 6; ++round) {
        c.step(now, msg);
        output out = c.take_output();
        for (const auto &k : out.kernel) {
            command_done done;
            done.token = k.token;
            done.ok = true;
            if (const auto *fence = std::get_if<cmd_fence>(&k.body)) {
                report.fence = fence->view;
            }
            done.report = report;
            c.on_kernel(now, done);
        }
        if (out.persist) {
            c.on_disk(now, {out.persist->token, {}});
        }
        now += std::chrono::milliseconds(700);
        c.tick(now);
        (void)c.status(now);
    }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    std::span<const uint8_t> in(data + 1, size - 1);
    std::vector<uint8_t> bytes = (data[0] & 1) != 0 ? sealed(in)
                                                    : std::vector<uint8_t>(in.begin(), in.end());
    auto msg = decode(bytes);
    if (!msg) {
        return 0;
    }
    if (encode(*msg) != bytes) {
        abort();
    }
    into_core(*msg);
    return 0;
}
