/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the codec needs from its surroundings, in the kernel and outside. Outside it
 * defines the kernel's names, as functions so that they cannot collide with members
 * of C++ classes.
 */
#ifndef HARP_CODEC_PORT_H
#define HARP_CODEC_PORT_H

#ifdef __KERNEL__

#include <asm/byteorder.h>
#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>

#else /* user space */

#include <asm/byteorder.h>
#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#ifndef __must_check
#define __must_check __attribute__((__warn_unused_result__))
#endif

static inline u16 le16_to_cpu(__le16 v)
{
	return __le16_to_cpu(v);
}

static inline u32 le32_to_cpu(__le32 v)
{
	return __le32_to_cpu(v);
}

static inline u64 le64_to_cpu(__le64 v)
{
	return __le64_to_cpu(v);
}

static inline __le16 cpu_to_le16(u16 v)
{
	return __cpu_to_le16(v);
}

static inline __le32 cpu_to_le32(u32 v)
{
	return __cpu_to_le32(v);
}

static inline __le64 cpu_to_le64(u64 v)
{
	return __cpu_to_le64(v);
}

#endif /* __KERNEL__ */

#endif /* HARP_CODEC_PORT_H */
