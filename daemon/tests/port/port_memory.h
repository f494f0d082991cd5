/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of memory that survives a warm reset: what was stored since the last flush
 * may or may not be there afterwards, each aligned 8 bytes for themselves.
 */
#ifndef HARP_PORT_MEMORY_H
#define HARP_PORT_MEMORY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Watch [@base, @base + @size): @event(@arg) runs before each store and each flush. */
void port_memory_watch(void *base, size_t size, void (*event)(void *arg), void *arg);
void port_memory_unwatch(void);

/*
 * What a crash now would leave, into @image (@size bytes): all that was flushed, and
 * of the rest each word by a coin with @chance in 256 (0: nothing, 256: everything).
 */
void port_memory_crash(void *image, unsigned int chance, unsigned int seed);

/* After @after more allocations every one fails; -1: none does. */
void port_fail_alloc(long after);

/* port_region.c: a region in the caller's memory, to be given to harp_log_attach(). */
struct harp_region;
struct harp_region *port_region(void *base, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* HARP_PORT_MEMORY_H */
