/* SPDX-License-Identifier: GPL-2.0 */
/* A shrinker with an argument, registered the old way or the new. */
#ifndef HARP_COMPAT_LOWER_SHRINKER_H
#define HARP_COMPAT_LOWER_SHRINKER_H

#include <linux/errno.h>
#include <linux/shrinker.h>

/**
 * struct harp_shrinker - objects that can be given up under memory pressure
 * @count: how many objects there are to free
 * @scan: free up to @nr of them; returns how many were
 * @arg: for both
 * @s: the kernel's
 */
struct harp_shrinker {
	unsigned long (*count)(void *arg);
	unsigned long (*scan)(void *arg, unsigned long nr);
	void *arg;
#ifdef HARP_HAVE_LOWER_SHRINKER_ALLOC
	struct shrinker *s;
#else
	struct shrinker s;
	bool registered;
#endif
};

static inline struct harp_shrinker *harp_shrinker_of(struct shrinker *s)
{
#ifdef HARP_HAVE_LOWER_SHRINKER_ALLOC
	return s->private_data;
#else
	return container_of(s, struct harp_shrinker, s);
#endif
}

static inline unsigned long harp_shrinker_count(struct shrinker *s, struct shrink_control *sc)
{
	struct harp_shrinker *hs = harp_shrinker_of(s);

	return hs->count(hs->arg) ?: SHRINK_EMPTY;
}

static inline unsigned long harp_shrinker_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct harp_shrinker *hs = harp_shrinker_of(s);

	/* Giving an object up may end in the lower's own transactions. */
	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	return hs->scan(hs->arg, sc->nr_to_scan);
}

static inline int harp_shrinker_register(struct harp_shrinker *hs, const char *name)
{
#ifdef HARP_HAVE_LOWER_SHRINKER_ALLOC
	hs->s = shrinker_alloc(0, "harp-%s", name);
	if (!hs->s)
		return -ENOMEM;
	hs->s->count_objects = harp_shrinker_count;
	hs->s->scan_objects = harp_shrinker_scan;
	hs->s->private_data = hs;
	shrinker_register(hs->s);
	return 0;
#else
	int err;

	hs->s.count_objects = harp_shrinker_count;
	hs->s.scan_objects = harp_shrinker_scan;
	hs->s.seeks = DEFAULT_SEEKS;
	err = register_shrinker(&hs->s, "harp-%s", name);
	hs->registered = !err;
	return err;
#endif
}

static inline void harp_shrinker_unregister(struct harp_shrinker *hs)
{
#ifdef HARP_HAVE_LOWER_SHRINKER_ALLOC
	if (hs->s)
		shrinker_free(hs->s);
	hs->s = NULL;
#else
	if (hs->registered)
		unregister_shrinker(&hs->s);
	hs->registered = false;
#endif
}

#endif /* HARP_COMPAT_LOWER_SHRINKER_H */
