/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that a log lives in: finding it, mapping it, and storing to it so that
 * the stores reach memory. A warm reset drops the processor's caches, so an ordinary
 * store has not happened yet (kernel-notes 15).
 */
#ifndef HARP_REGION_H
#define HARP_REGION_H

#include <linux/io.h>
#include <linux/string.h>
#include "log.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct harp_region - a mapped region
 * @base: where it is mapped, write-back
 * @size: bytes
 * @start: physical address, 0 for plain memory
 * @kind: enum harp_region_kind
 * @borrowed: someone else's memory (tests): not unmapped, not freed
 * @claim: in the list of physical ranges that logs of this kernel have mapped
 */
struct harp_region {
	void *base;
	u64 size;
	u64 start;
	enum harp_region_kind kind;
	bool borrowed;
	struct list_head claim;
};

struct harp_region *harp_region_map(const struct harp_region_spec *spec, char *why,
				    size_t why_len);
void harp_region_unmap(struct harp_region *region);

/* What follows the open: also for tests that bring their own memory. Takes @region over. */
struct harp_log *harp_log_attach(struct harp_region *region, const uuid_t *group, u8 member,
				 u64 lineage, u32 epoch, u64 inc, struct harp_log_found *found);

/* Stores that bypass or leave the caches; they are in memory after harp_region_flush(). */
static inline void harp_region_store(void *to, const void *from, size_t len)
{
	memcpy_flushcache(to, from, len);
}

static inline void harp_region_flush(void)
{
	pmem_wmb();
}

#ifdef __cplusplus
}
#endif

#endif /* HARP_REGION_H */
