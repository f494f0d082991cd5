/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's numbers as the core wants them. */
#include "codec.h"
#include "knl/kernel.hh"
#include "linux/harp_netlink.h"

#include <cstring>
#include <gtest/gtest.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

using namespace harp;
using namespace harp::vsr;

namespace {

view_record sample() {
    view_record v;
    v.view = view_t(9);
    v.epoch = epoch_t(2);
    v.lineage = lineage_t(0xfedcba9876543210ULL);
    v.primary = {slot_t(1), incarnation_t(4)};
    v.backup = {slot_t(2), incarnation_t(7)};
    v.promise = std::chrono::milliseconds(1500);
    v.s = index_t(100);
    v.view_of_s = view_t(4);
    return v;
}

std::vector<uint8_t> as_record(const view_record &v) {
    auto section = knl::encode_view(v);
    harp_sec_view s{};
    memcpy(&s, section.data(), sizeof(s));
    std::vector<uint64_t> buf(1024);
    harp_builder b{};
    harp_build_begin(&b, buf.data(), 8192, HARP_REC_VIEW);
    harp_build_view(&b, &s, nullptr, 0);
    EXPECT_EQ(harp_build_finish(&b), 0);
    harp_rec_seal(static_cast<harp_rec_hdr *>(b.buf), v.s.value() + 1, v.view.value(),
                  v.lineage.value(), 0, 0);
    const auto *p = static_cast<const uint8_t *>(b.buf);
    return {p, p + b.len};
}

struct nl_reply {
    alignas(8) char buf[4096];
    nlmsghdr *h;

    nl_reply() {
        h = mnl_nlmsg_put_header(buf);
        mnl_nlmsg_put_extra_header(h, sizeof(genlmsghdr));
    }
};

} // namespace

TEST(kernel, a_view_record_round_trips_through_the_section_and_the_record) {
    auto v = sample();
    auto back = knl::decode_view_record(as_record(v));
    ASSERT_TRUE(back.ok()) << back.error().text;
    EXPECT_EQ(*back, v);
    auto bytes = as_record(v);
    bytes[70] ^= 1;
    EXPECT_FALSE(knl::decode_view_record(bytes).ok());
    EXPECT_FALSE(knl::decode_view_record({}).ok());
}

TEST(kernel, state_attributes_become_a_report) {
    nl_reply m;
    mnl_attr_put_u8(m.h, HARP_A_ROLE, HARP_NL_ROLE_PRIMARY);
    mnl_attr_put_u64(m.h, HARP_A_VIEW, 9);
    mnl_attr_put_u64(m.h, HARP_A_FENCE, 9);
    mnl_attr_put_u64(m.h, HARP_A_INC, 4);
    mnl_attr_put_u64(m.h, HARP_A_BASE, 5);
    mnl_attr_put_u64(m.h, HARP_A_TOP, 50);
    mnl_attr_put_u32(m.h, HARP_A_LEASE_LEFT_MS, static_cast<uint32_t>(-3));
    mnl_attr_put_u32(m.h, HARP_A_HOLD_LEFT_MS, 20);
    uint64_t views[] = {htole64(4), htole64(5), htole64(9), htole64(42)};
    mnl_attr_put(m.h, HARP_A_VIEWS, sizeof(views), views);
    auto a = knl::decode_attributes(m.h);
    ASSERT_TRUE(a.ok());
    auto r = knl::report_of(*a);
    EXPECT_EQ(r.current_role, role::primary);
    EXPECT_EQ(r.view, view_t(9));
    EXPECT_FALSE(r.lease_held) << "a negative rest is an ended lease";
    EXPECT_EQ(r.hold_left, std::chrono::milliseconds(20));
    EXPECT_EQ(r.log.starts,
              (std::vector<view_start>{{view_t(4), index_t(5)}, {view_t(9), index_t(42)}}));
    /* Fenced above its view, it is in none. */
    mnl_attr_put_u64(m.h, HARP_A_FENCE, 13);
    auto fenced = knl::report_of(*knl::decode_attributes(m.h));
    EXPECT_EQ(fenced.current_role, role::none);
}

TEST(kernel, what_its_kernel_may_have_died_of_is_told_until_it_has_been_applied) {
    auto suspects = [](uint64_t ap, uint64_t first, uint32_t count) {
        nl_reply m;
        mnl_attr_put_u64(m.h, HARP_A_AP, ap);
        mnl_attr_put_u64(m.h, HARP_A_APPLYING_FIRST, first);
        mnl_attr_put_u32(m.h, HARP_A_APPLYING_COUNT, count);
        return knl::report_of(*knl::decode_attributes(m.h)).suspects;
    };
    EXPECT_EQ(suspects(40, 41, 3), (record_range{index_t(41), index_t(43)}));
    EXPECT_TRUE(suspects(42, 41, 3)) << "43 is left";
    EXPECT_FALSE(suspects(43, 41, 3));
    EXPECT_FALSE(suspects(40, 0, 0)) << "it was applying nothing";
}

TEST(kernel, state_attributes_tell_what_a_lost_event_would_have) {
    nl_reply m;
    mnl_attr_put_u8(m.h, HARP_A_ROLE, HARP_NL_ROLE_PRIMARY);
    mnl_attr_put_u32(m.h, HARP_A_PROMISE_MS, 1000);
    mnl_attr_put_u32(m.h, HARP_A_LEASE_LEFT_MS, 600);
    mnl_attr_put_u64(m.h, HARP_A_ACKED, 17);
    time_point_t now = boottime_now();
    auto quiet = *knl::decode_attributes(m.h);
    auto marks = knl::marks_of(quiet, knl::report_of(quiet), now);
    EXPECT_EQ(marks.acked, index_t(17));
    EXPECT_EQ(marks.partner_heard, now - std::chrono::milliseconds(300)) << "0.9 of 1000, less 600";
    EXPECT_FALSE(marks.partner_no_control);
    mnl_attr_put_u8(m.h, HARP_A_PEER_NO_CONTROL, 1);
    auto silent = *knl::decode_attributes(m.h);
    EXPECT_TRUE(knl::marks_of(silent, knl::report_of(silent), now).partner_no_control);
}

TEST(kernel, attributes_of_a_wrong_length_are_refused) {
    nl_reply number;
    mnl_attr_put(number.h, HARP_A_VIEW, 3, "abc");
    EXPECT_FALSE(knl::decode_attributes(number.h).ok());
    nl_reply views;
    mnl_attr_put(views.h, HARP_A_VIEWS, 15, "0123456789abcdef");
    EXPECT_FALSE(knl::decode_attributes(views.h).ok());
}

TEST(kernel, a_long_record_in_several_attributes_is_joined) {
    nl_reply m;
    mnl_attr_put(m.h, HARP_A_RECORDS, 4, "abcd");
    mnl_attr_put(m.h, HARP_A_RECORDS, 2, "ef");
    auto a = knl::decode_attributes(m.h);
    ASSERT_TRUE(a.ok());
    EXPECT_EQ(std::string(a->records.begin(), a->records.end()), "abcdef");
}
