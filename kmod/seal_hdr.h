/* SPDX-License-Identifier: GPL-2.0 */
/* The header of a sealed log (harp_seal.h): pure, for the kernel and for harpd. */
#ifndef HARP_SEAL_HDR_H
#define HARP_SEAL_HDR_H

#include <linux/harp_seal.h>
#include "codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets magic, version, len and crc; everything else is set. */
void harp_seal_hdr_finish(struct harp_seal_hdr *h);
/* 0; -EBADMSG: none, or damaged; -EPROTO: a sound header of another version. */
int __must_check harp_seal_hdr_check(const struct harp_seal_hdr *h, const char **why);

#ifdef __cplusplus
}
#endif

#endif /* HARP_SEAL_HDR_H */
