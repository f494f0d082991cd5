// SPDX-License-Identifier: GPL-2.0
/*
 * 1e4c64b71c9b ("mm/memblock: Add "reserve_mem" to reserved named memory at boot
 * up"), Linux 6.12: memory found again after a soft reboot, by label.
 * Needs-export: reserve_mem_find_by_name
 */
#include <linux/mm.h>

int probe(phys_addr_t *start, phys_addr_t *size);
int probe(phys_addr_t *start, phys_addr_t *size)
{
	return reserve_mem_find_by_name("harp", start, size);
}
