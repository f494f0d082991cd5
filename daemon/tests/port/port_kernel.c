// SPDX-License-Identifier: GPL-2.0
#include "port_kernel.h"
#include "port_memory.h"

void mutex_lock(struct mutex *m)
{
	pthread_mutex_lock(&m->m);
	m->held = true;
}

void mutex_unlock(struct mutex *m)
{
	m->held = false;
	pthread_mutex_unlock(&m->m);
}

static long allocs_left = -1;

void port_fail_alloc(long after)
{
	allocs_left = after;
}

void *port_alloc(size_t size)
{
	if (allocs_left == 0)
		return NULL;
	if (allocs_left > 0)
		allocs_left--;
	return calloc(1, size);
}

void xa_init(struct xarray *xa)
{
	pthread_mutex_init(&xa->lock, NULL);
	xa->slots = NULL;
	xa->n = 0;
	xa->cap = 0;
}

void xa_destroy(struct xarray *xa)
{
	free(xa->slots);
	xa_init(xa);
}

static size_t xa_lower_bound(const struct xarray *xa, unsigned long index)
{
	size_t lo = 0, hi = xa->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (xa->slots[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void *port_xa_find(struct xarray *xa, unsigned long *index)
{
	void *p = NULL;
	size_t i;

	pthread_mutex_lock(&xa->lock);
	i = xa_lower_bound(xa, *index);
	if (i < xa->n) {
		*index = xa->slots[i].index;
		p = xa->slots[i].p;
	}
	pthread_mutex_unlock(&xa->lock);
	return p;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	unsigned long at = index;
	void *p = port_xa_find(xa, &at);

	return at == index ? p : NULL;
}

void *xa_store(struct xarray *xa, unsigned long index, void *p, int gfp)
{
	struct port_xa_slot *slots;
	size_t i;

	(void)gfp;
	pthread_mutex_lock(&xa->lock);
	if (xa->n == xa->cap) {
		size_t cap = xa->cap ? 2 * xa->cap : 8;

		slots = port_alloc(cap * sizeof(*slots));
		if (!slots) {
			pthread_mutex_unlock(&xa->lock);
			return ERR_PTR(-ENOMEM);
		}
		if (xa->n)
			memcpy(slots, xa->slots, xa->n * sizeof(*slots));
		free(xa->slots);
		xa->slots = slots;
		xa->cap = cap;
	}
	i = xa_lower_bound(xa, index);
	memmove(xa->slots + i + 1, xa->slots + i, (xa->n - i) * sizeof(*xa->slots));
	xa->slots[i].index = index;
	xa->slots[i].p = p;
	xa->n++;
	pthread_mutex_unlock(&xa->lock);
	return NULL;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	void *p = NULL;
	size_t i;

	pthread_mutex_lock(&xa->lock);
	i = xa_lower_bound(xa, index);
	if (i < xa->n && xa->slots[i].index == index) {
		p = xa->slots[i].p;
		memmove(xa->slots + i, xa->slots + i + 1, (xa->n - i - 1) * sizeof(*xa->slots));
		xa->n--;
	}
	pthread_mutex_unlock(&xa->lock);
	return p;
}
