// SPDX-License-Identifier: GPL-2.0
/*
 * Finding and mapping a log's memory (protocol.rst, "The log region"). Nothing is
 * ever mapped that the kernel or another log uses: what is there would be lost.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "region.h"

/*
 * Physical ranges in use by logs of this kernel. Two replicas that name one fresh
 * region by mistake would each find it free; the header tells them apart only later.
 */
static LIST_HEAD(harp_region_claims);
static DEFINE_MUTEX(harp_region_claims_mutex);

static bool harp_region_claim(struct harp_region *region)
{
	struct harp_region *other;
	bool free = true;

	mutex_lock(&harp_region_claims_mutex);
	list_for_each_entry(other, &harp_region_claims, claim)
		if (region->start < other->start + other->size &&
		    other->start < region->start + region->size)
			free = false;
	if (free)
		list_add(&region->claim, &harp_region_claims);
	mutex_unlock(&harp_region_claims_mutex);
	return free;
}

static void harp_region_unclaim(struct harp_region *region)
{
	mutex_lock(&harp_region_claims_mutex);
	list_del(&region->claim);
	mutex_unlock(&harp_region_claims_mutex);
}

static int harp_region_check_size(u64 size, char *why, size_t why_len)
{
	if (size >= HARP_REGION_MIN && size <= HARP_REGION_MAX && size % PAGE_SIZE == 0)
		return 0;
	scnprintf(why, why_len, "%llu bytes: not whole pages from %lu to %lu",
		  size, HARP_REGION_MIN, HARP_REGION_MAX);
	return -EINVAL;
}

static int harp_region_map_mem(struct harp_region *region, char *why, size_t why_len)
{
	/* Zeroed: what the last owner of these pages left is nobody's log. */
	region->base = vzalloc(region->size);
	if (region->base)
		return 0;
	scnprintf(why, why_len, "no memory for %llu bytes", region->size);
	return -ENOMEM;
}

static int harp_region_map_phys(struct harp_region *region, char *why, size_t why_len)
{
	if (!harp_region_claim(region)) {
		scnprintf(why, why_len, "%#llx: in use by another log", region->start);
		return -EBUSY;
	}
	region->base = memremap(region->start, region->size, MEMREMAP_WB);
	if (region->base)
		return 0;
	harp_region_unclaim(region);
	scnprintf(why, why_len, "%#llx: cannot be mapped", region->start);
	return -ENXIO;
}

static int harp_region_map_memmap(struct harp_region *region, char *why, size_t why_len)
{
	int err;

	if (region->start % PAGE_SIZE || region->start + region->size < region->start) {
		scnprintf(why, why_len, "%#llx: not the start of a page", region->start);
		return -EINVAL;
	}
	/* memmap=SIZE$ADDR made a hole in System RAM; without it this is somebody's memory. */
	if (region_intersects(region->start, region->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		scnprintf(why, why_len, "%#llx is the kernel's own: boot with memmap=%lluK$%#llx",
			  region->start, region->size >> 10, region->start);
		return -EBUSY;
	}
	/* Nor a device's; this fails when a driver has it. */
	if (!request_mem_region(region->start, region->size, "harp log")) {
		scnprintf(why, why_len, "%#llx is in use: see /proc/iomem", region->start);
		return -EBUSY;
	}
	err = harp_region_map_phys(region, why, why_len);
	if (err)
		release_mem_region(region->start, region->size);
	return err;
}

static int harp_region_map_reserve(struct harp_region *region, const char *label, char *why,
				   size_t why_len)
{
	phys_addr_t start = 0, size = 0;
	int err;

	if (strnlen(label, sizeof_field(struct harp_region_spec, label)) ==
	    sizeof_field(struct harp_region_spec, label)) {
		scnprintf(why, why_len, "the label is too long");
		return -EINVAL;
	}
	if (!reserve_mem_find_by_name(label, &start, &size)) {
		scnprintf(why, why_len,
			  "no memory labelled %s: boot Linux 6.12 or later with reserve_mem=",
			  label);
		return -ENOENT;
	}
	if (region->size && region->size != size) {
		scnprintf(why, why_len, "%s has %llu bytes, not %llu", label,
			  (u64)size, region->size);
		return -EINVAL;
	}
	err = harp_region_check_size(size, why, why_len);
	if (err)
		return err;
	region->start = start;
	region->size = size;
	return harp_region_map_phys(region, why, why_len);
}

/**
 * harp_region_map() - map the memory that a log is to live in
 * @spec: what the mount asked for; a label alone gives the size, too
 * @why: set to a reason when this fails
 * @why_len: bytes of @why
 *
 * Context: Process context, may sleep.
 * Return: the region or an ERR_PTR: -EINVAL, -EBUSY when somebody uses the memory,
 * -ENOENT for a label that is not there, -ENXIO, -EOPNOTSUPP, -ENOMEM.
 */
struct harp_region *harp_region_map(const struct harp_region_spec *spec, char *why,
				    size_t why_len)
{
	struct harp_region *region;
	int err;

	if (spec->kind != HARP_REGION_RESERVE || spec->size) {
		err = harp_region_check_size(spec->size, why, why_len);
		if (err)
			return ERR_PTR(err);
	}
	/* User Mode Linux: no physical memory to be found again. */
	if (spec->kind != HARP_REGION_MEM && !IS_ENABLED(CONFIG_HAS_IOMEM)) {
		scnprintf(why, why_len, "this kernel can map plain memory only");
		return ERR_PTR(-EOPNOTSUPP);
	}
	region = kzalloc(sizeof(*region), GFP_KERNEL);
	if (!region)
		return ERR_PTR(-ENOMEM);
	region->kind = spec->kind;
	region->size = spec->size;
	switch (spec->kind) {
	case HARP_REGION_MEM:
		err = harp_region_map_mem(region, why, why_len);
		break;
	case HARP_REGION_MEMMAP:
		region->start = spec->start;
		err = IS_ENABLED(CONFIG_HAS_IOMEM) ?
			harp_region_map_memmap(region, why, why_len) : -EOPNOTSUPP;
		break;
	case HARP_REGION_RESERVE:
		err = IS_ENABLED(CONFIG_HAS_IOMEM) ?
			harp_region_map_reserve(region, spec->label, why, why_len) : -EOPNOTSUPP;
		break;
	default:
		scnprintf(why, why_len, "no such kind of region");
		err = -EINVAL;
	}
	if (err) {
		kfree(region);
		return ERR_PTR(err);
	}
	return region;
}

/**
 * harp_region_unmap() - end of a region's use
 * @region: what harp_region_map() returned; freed
 *
 * Context: Process context, may sleep.
 */
void harp_region_unmap(struct harp_region *region)
{
	if (region->borrowed) {
		/* The memory is its owner's. */
	} else if (region->kind == HARP_REGION_MEM) {
		vfree(region->base);
	} else if (IS_ENABLED(CONFIG_HAS_IOMEM)) {
		memunmap(region->base);
		harp_region_unclaim(region);
		if (region->kind == HARP_REGION_MEMMAP)
			release_mem_region(region->start, region->size);
	}
	kfree(region);
}
