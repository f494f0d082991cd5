/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * Every bound of Harp in one place: shared by the kernel module, the daemon,
 * the tools and their tests. A bound that is not here is not a bound.
 */
#ifndef _UAPI_LINUX_HARP_LIMITS_H
#define _UAPI_LINUX_HARP_LIMITS_H

#define HARP_GROUP_NAME_MAX	32	/* bytes, without the NUL; [a-z0-9-] */
#define HARP_NAME_MAX		255	/* one file name, bytes */
#define HARP_SYMLINK_MAX	4095	/* a symbolic link's target, bytes */
#define HARP_XATTR_NAME_MAX	255
#define HARP_XATTR_SIZE_MAX	65536	/* one extended attribute's value */
#define HARP_MEMBERS		3
/* A lower's row file, 64 bytes per fid, stays below 4 TiB: ext4's limit with 1 KiB blocks. */
#define HARP_FID_SLOT_MAX	(0x1000000000ULL - 1024)

/* One record: user data of a write is at most HARP_DATA_MAX bytes. */
#define HARP_DATA_MAX		(1024U * 1024)
#define HARP_REC_OVERHEAD_MAX	8192U	/* header and all other sections of a write */
#define HARP_REC_MAX		(HARP_DATA_MAX + 2 * HARP_XATTR_SIZE_MAX + HARP_REC_OVERHEAD_MAX)
#define HARP_REC_ALIGN		8U
#define HARP_REC_SECTIONS_MAX	16	/* sections in one record */
#define HARP_VOIDS_MAX		16	/* void indices in one VIEW record */

/* The log region. */
#define HARP_REGION_MIN		(4UL * 1024 * 1024)
#define HARP_REGION_MAX		(64UL * 1024 * 1024 * 1024)
#define HARP_REGION_HIGH_PCT	65	/* write back the lower from here … */
#define HARP_REGION_LOW_PCT	55	/* … until here (Harp, SOSP '91, section 5) */

/* A record-link message carries at most this many bytes of records. */
#define HARP_WIRE_BATCH_MAX	(2 * HARP_REC_MAX)

/* The promise, milliseconds. */
#define HARP_PROMISE_MIN_MS	100
#define HARP_PROMISE_CAP_MS	10000	/* Δcap of protocol.rst, compiled in */
#define HARP_LEASE_PCT		90	/* lease = 0.9 Δ: clocks may differ by 2 % in rate */
#define HARP_TOUCH_LIMIT_MS	10000	/* H: longest silence of harpd */

#endif /* _UAPI_LINUX_HARP_LIMITS_H */
