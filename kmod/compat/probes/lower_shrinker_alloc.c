// SPDX-License-Identifier: GPL-2.0
/*
 * c42d50aefd17 ("mm: shrinker: add infrastructure for dynamically allocating
 * shrinker"), Linux 6.7.
 * Needs-export: shrinker_alloc
 */
#include <linux/shrinker.h>

struct shrinker *probe(void);
struct shrinker *probe(void)
{
	struct shrinker *s = shrinker_alloc(0, "harp");

	if (s)
		shrinker_register(s);
	return s;
}
