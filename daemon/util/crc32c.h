/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CRC-32C (Castagnoli) outside the kernel, for C and C++: the codec's, and so that of
 * every record the witness takes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of @len bytes at @p that come after those whose checksum is @crc (0: of none). */
uint32_t harp_user_crc32c(uint32_t crc, const void *p, size_t len);
/* The same for any processor; the other one where it has an instruction for it. */
uint32_t harp_user_crc32c_portable(uint32_t crc, const void *p, size_t len);

#ifdef __cplusplus
}
#endif
