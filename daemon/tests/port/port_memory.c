// SPDX-License-Identifier: GPL-2.0
#include "port_kernel.h"
#include "port_memory.h"

struct pending {
	size_t off, len;
};

static struct {
	u8 *base, *flushed;
	size_t size;
	struct pending *pending;
	size_t n, cap;
	void (*event)(void *arg);
	void *arg;
} watch;

void port_memory_watch(void *base, size_t size, void (*event)(void *arg), void *arg)
{
	port_memory_unwatch();
	watch.base = base;
	watch.size = size;
	watch.flushed = malloc(size);
	if (!watch.flushed)
		abort();
	memcpy(watch.flushed, base, size);
	watch.event = event;
	watch.arg = arg;
}

void port_memory_unwatch(void)
{
	free(watch.flushed);
	free(watch.pending);
	memset(&watch, 0, sizeof(watch));
}

static bool watched(const u8 *p, size_t len)
{
	return watch.base && p >= watch.base && p + len <= watch.base + watch.size;
}

void memcpy_flushcache(void *to, const void *from, size_t len)
{
	if (watched(to, len)) {
		if (watch.event)
			watch.event(watch.arg);
		if (watch.n == watch.cap) {
			watch.cap = watch.cap ? 2 * watch.cap : 16;
			watch.pending = realloc(watch.pending, watch.cap * sizeof(*watch.pending));
			if (!watch.pending)
				abort();
		}
		watch.pending[watch.n].off = (size_t)((u8 *)to - watch.base);
		watch.pending[watch.n++].len = len;
	}
	memcpy(to, from, len);
}

void pmem_wmb(void)
{
	size_t i;

	if (!watch.base)
		return;
	if (watch.event)
		watch.event(watch.arg);
	for (i = 0; i < watch.n; i++)
		memcpy(watch.flushed + watch.pending[i].off, watch.base + watch.pending[i].off,
		       watch.pending[i].len);
	watch.n = 0;
}

void port_memory_crash(void *image, unsigned int chance, unsigned int seed)
{
	u8 *out = image;
	size_t i, at;

	memcpy(out, watch.flushed, watch.size);
	for (i = 0; i < watch.n; i++) {
		const struct pending *p = &watch.pending[i];

		for (at = p->off & ~(size_t)7; at < p->off + p->len; at += 8) {
			seed = seed * 1103515245u + 12345u;
			if ((seed >> 16 & 255) < chance)
				memcpy(out + at, watch.base + at, 8);
		}
	}
}
