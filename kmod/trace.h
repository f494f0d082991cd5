/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM harp

#if !defined(HARP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HARP_TRACE_H

#include <linux/tracepoint.h>
#include "harp.h"

/* An array, not __string(): __assign_str() has changed its arguments. */
#define HARP_TP_ENTRY	__array(char, group, HARP_GROUP_NAME_MAX + 1) \
			__field(u8, member)
#define HARP_TP_ASSIGN	do { \
		memcpy(__entry->group, r->group, sizeof(__entry->group)); \
		__entry->member = r->member; \
	} while (0)

DECLARE_EVENT_CLASS(harp_index_class,
	TP_PROTO(const struct harp_replica *r, u64 index),
	TP_ARGS(r, index),
	TP_STRUCT__entry(HARP_TP_ENTRY __field(u64, index)),
	TP_fast_assign(HARP_TP_ASSIGN; __entry->index = index;),
	TP_printk("%s/%u index=%llu", __entry->group, __entry->member, __entry->index)
);

#define DEFINE_HARP_INDEX_EVENT(name) \
DEFINE_EVENT(harp_index_class, name, \
	TP_PROTO(const struct harp_replica *r, u64 index), \
	TP_ARGS(r, index))

DEFINE_HARP_INDEX_EVENT(harp_commit);	/* CP reached the index */
DEFINE_HARP_INDEX_EVENT(harp_apply);	/* the record was applied to the lower */
DEFINE_HARP_INDEX_EVENT(harp_discard);	/* the log begins after the index */

TRACE_EVENT(harp_append,
	TP_PROTO(const struct harp_replica *r, u64 index, u32 bytes),
	TP_ARGS(r, index, bytes),
	TP_STRUCT__entry(HARP_TP_ENTRY __field(u64, index) __field(u32, bytes)),
	TP_fast_assign(HARP_TP_ASSIGN; __entry->index = index; __entry->bytes = bytes;),
	TP_printk("%s/%u index=%llu bytes=%u", __entry->group, __entry->member,
		  __entry->index, __entry->bytes)
);

TRACE_EVENT(harp_send,
	TP_PROTO(const struct harp_replica *r, u64 prev, u32 count, u32 bytes),
	TP_ARGS(r, prev, count, bytes),
	TP_STRUCT__entry(HARP_TP_ENTRY __field(u64, prev) __field(u32, count)
			 __field(u32, bytes)),
	TP_fast_assign(HARP_TP_ASSIGN; __entry->prev = prev; __entry->count = count;
		       __entry->bytes = bytes;),
	TP_printk("%s/%u after=%llu records=%u bytes=%u", __entry->group, __entry->member,
		  __entry->prev, __entry->count, __entry->bytes)
);

TRACE_EVENT(harp_ack,
	TP_PROTO(const struct harp_replica *r, u64 index, u64 promise),
	TP_ARGS(r, index, promise),
	TP_STRUCT__entry(HARP_TP_ENTRY __field(u64, index) __field(u64, promise)),
	TP_fast_assign(HARP_TP_ASSIGN; __entry->index = index; __entry->promise = promise;),
	TP_printk("%s/%u index=%llu promise=%llu", __entry->group, __entry->member,
		  __entry->index, __entry->promise)
);

TRACE_EVENT(harp_view,
	TP_PROTO(const struct harp_replica *r, u64 view, u64 s),
	TP_ARGS(r, view, s),
	TP_STRUCT__entry(HARP_TP_ENTRY __field(u64, view) __field(u64, s) __field(u8, role)
			 __field(bool, serving)),
	TP_fast_assign(HARP_TP_ASSIGN; __entry->view = view; __entry->s = s;
		       __entry->role = r->role; __entry->serving = r->serving;),
	TP_printk("%s/%u view=%llu s=%llu role=%u serving=%d", __entry->group,
		  __entry->member, __entry->view, __entry->s, __entry->role, __entry->serving)
);

TRACE_EVENT(harp_fence,
	TP_PROTO(const struct harp_replica *r, u64 view, u8 by, int err),
	TP_ARGS(r, view, by, err),
	TP_STRUCT__entry(HARP_TP_ENTRY __field(u64, view) __field(u8, by) __field(int, err)),
	TP_fast_assign(HARP_TP_ASSIGN; __entry->view = view; __entry->by = by;
		       __entry->err = err;),
	TP_printk("%s/%u view=%llu by=%u err=%d", __entry->group, __entry->member,
		  __entry->view, __entry->by, __entry->err)
);

#endif /* HARP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
