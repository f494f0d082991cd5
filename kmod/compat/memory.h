/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HARP_COMPAT_MEMORY_H
#define HARP_COMPAT_MEMORY_H

#ifndef HARP_HAVE_RESERVE_MEM_FIND_BY_NAME
#include <linux/types.h>

/* reserve_mem= came with Linux 6.12: on this kernel no label exists. */
static inline int reserve_mem_find_by_name(const char *name, phys_addr_t *start,
					   phys_addr_t *size)
{
	return 0;
}
#endif

#endif /* HARP_COMPAT_MEMORY_H */
