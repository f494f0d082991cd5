/* SPDX-License-Identifier: GPL-2.0 */
/* KUnit: a VIEW record's section as replicas of the tests take it. */
#ifndef HARP_TEST_VIEW_H
#define HARP_TEST_VIEW_H

#include "codec.h"

#define LINEAGE		5

static inline struct harp_sec_view view_of(u64 view, u64 s, u64 view_of_s)
{
	return (struct harp_sec_view) {
		.sec = {
			.type = cpu_to_le16(HARP_SEC_VIEW),
			.len = cpu_to_le32(sizeof(struct harp_sec_view)),
		},
		.view = cpu_to_le64(view),
		.lineage = cpu_to_le64(LINEAGE),
		.primary_inc = cpu_to_le64(70),
		.backup_inc = cpu_to_le64(71),
		.s = cpu_to_le64(s),
		.view_of_s = cpu_to_le64(view_of_s),
		.epoch = cpu_to_le32(3),
		.primary = 0,
		.backup = 1,
		.promise_ms = cpu_to_le32(1000),
	};
}

#endif /* HARP_TEST_VIEW_H */
