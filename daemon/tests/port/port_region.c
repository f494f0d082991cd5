// SPDX-License-Identifier: GPL-2.0
/* In place of kmod/region.c: regions are plain memory of the test's. */
#include "port_kernel.h"
#include "port_memory.h"
#include "region.h"

struct harp_region *port_region(void *base, size_t size)
{
	struct harp_region *region = calloc(1, sizeof(*region));

	if (!region)
		abort();
	region->base = base;
	region->size = size;
	region->borrowed = true;
	return region;
}

struct harp_region *harp_region_map(const struct harp_region_spec *spec, char *why,
				    size_t why_len)
{
	(void)spec;
	scnprintf(why, why_len, "no regions outside the kernel");
	return ERR_PTR(-EOPNOTSUPP);
}

void harp_region_unmap(struct harp_region *region)
{
	free(region);
}
