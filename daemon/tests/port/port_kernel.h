/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel as kmod/log.c and kmod/log_open.c use, so that they run under
 * the sanitizers, the fuzzers and the crash model of port_memory.h. C++ sees only
 * what log.h and region.h need.
 */
#ifndef HARP_PORT_KERNEL_H
#define HARP_PORT_KERNEL_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "codec_port.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
	__u8 b[16];
} uuid_t;

struct list_head {
	struct list_head *next, *prev;
};

struct mutex {
	pthread_mutex_t m;
	bool held;
};

typedef struct {
	unsigned int wakeups;
} wait_queue_head_t;

void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return (unsigned long)p >= (unsigned long)-4095;
}

/* port_memory.c: stores that a crash may lose until pmem_wmb() (port_memory.h). */
void memcpy_flushcache(void *to, const void *from, size_t len);
void pmem_wmb(void);

#ifndef __cplusplus

#define U64_MAX ((u64)~0ULL)
#define GFP_KERNEL 0
#define GFP_NOIO 0

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* A lock that its function forgot to ask for is a failed test. */
#define lockdep_assert_held(l) \
	do { \
		if (!(l)->held) \
			abort(); \
	} while (0)

#define mutex_init(x) pthread_mutex_init(&(x)->m, NULL)
#define init_waitqueue_head(wq) ((wq)->wakeups = 0)
#define wake_up_all(wq) ((wq)->wakeups++)

typedef pthread_mutex_t spinlock_t;
#define spin_lock_init(l) pthread_mutex_init(l, NULL)
#define spin_lock_irqsave(l, flags) ((flags) = (unsigned long)pthread_mutex_lock(l))
#define spin_unlock_irqrestore(l, flags) ((void)(flags), pthread_mutex_unlock(l))

struct rcu_head {
	struct rcu_head *next;
};

#define rcu_read_lock() ((void)0)
#define rcu_read_unlock() ((void)0)
/* Tests discard only while no reader runs. */
#define kfree_rcu(p, field) free(p)

/* Fails every allocation from the one on that port_fail_alloc() named. */
void *port_alloc(size_t size);
#define kzalloc(size, gfp) port_alloc(size)
#define kmalloc(size, gfp) port_alloc(size)
#define kcalloc(n, size, gfp) port_alloc((n) * (size))
#define vzalloc(size) port_alloc(size)
#define kfree(p) free(p)
#define vfree(p) free(p)

#define scnprintf snprintf
#define cond_resched() ((void)0)

static inline void *ERR_CAST(const void *p)
{
	return (void *)p;
}

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline u64 div_u64_rem(u64 a, u32 b, u32 *rem)
{
	*rem = a % b;
	return a / b;
}

struct port_xa_slot {
	unsigned long index;
	void *p;
};

struct xarray {
	pthread_mutex_t lock;
	struct port_xa_slot *slots; /* ascending */
	size_t n, cap;
};

void xa_init(struct xarray *xa);
void xa_destroy(struct xarray *xa);
void *xa_load(struct xarray *xa, unsigned long index);
void *xa_store(struct xarray *xa, unsigned long index, void *p, int gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
/* The first slot from *@index on. */
void *port_xa_find(struct xarray *xa, unsigned long *index);

static inline int xa_err(const void *p)
{
	return IS_ERR(p) ? (int)PTR_ERR(p) : 0;
}

#define xa_for_each(xa, index, p) \
	for ((index) = 0, (p) = port_xa_find(xa, &(index)); (p); \
	     (index)++, (p) = port_xa_find(xa, &(index)))

#endif /* !__cplusplus */

#ifdef __cplusplus
}
#endif

#endif /* HARP_PORT_KERNEL_H */
