// SPDX-License-Identifier: GPL-2.0
/*
 * The header of a sealed log (seal_hdr.h). It comes from a disk, and from whoever calls
 * LOG_LOAD: nothing in it is believed before it is checked (I9).
 */
#include "seal_hdr.h"

static u32 harp_seal_hdr_crc(const struct harp_seal_hdr *h)
{
	struct harp_seal_hdr zeroed = *h;

	zeroed.crc = 0;
	return harp_crc32c(0, &zeroed, sizeof(zeroed));
}

/**
 * harp_seal_hdr_finish() - finish the header of a sealed log
 * @h: the header; everything but magic, version, len and crc is set
 *
 * Context: Any.
 */
void harp_seal_hdr_finish(struct harp_seal_hdr *h)
{
	h->magic = cpu_to_le64(HARP_SEAL_MAGIC);
	h->version = cpu_to_le32(HARP_SEAL_VERSION);
	h->len = cpu_to_le32(sizeof(*h));
	h->reserved[0] = 0;
	h->reserved[1] = 0;
	h->reserved[2] = 0;
	h->crc = cpu_to_le32(harp_seal_hdr_crc(h));
}

static const char *harp_seal_hdr_wrong(const struct harp_seal_hdr *h)
{
	u64 base = le64_to_cpu(h->base), top = le64_to_cpu(h->top);
	u64 bytes = le64_to_cpu(h->bytes);
	bool empty = top + 1 == base;

	if (h->reserved[0] || h->reserved[1] || h->reserved[2] || h->member >= HARP_MEMBERS)
		return "sealed log: member";
	if (!h->formed || !h->lineage)
		return "sealed log: view or lineage";
	if (!base || base > HARP_INDEX_MAX || top > HARP_INDEX_MAX || top + 1 < base)
		return "sealed log: base or top";
	if (base == 1 && (h->anchor_view || h->anchor_crc))
		return "sealed log: anchor before the first record";
	if (bytes > HARP_REGION_MAX || bytes % HARP_REC_ALIGN || !bytes != empty)
		return "sealed log: bytes of records";
	return NULL;
}

/**
 * harp_seal_hdr_check() - is this the header of a sealed log, consistent in itself?
 * @h: the header
 * @why: set to what is wrong, if not NULL
 *
 * Context: Any.
 * Return: 0, -EBADMSG, -EPROTO (another version).
 */
int harp_seal_hdr_check(const struct harp_seal_hdr *h, const char **why)
{
	const char *wrong = NULL;
	int err = -EBADMSG;

	if (le64_to_cpu(h->magic) != HARP_SEAL_MAGIC) {
		wrong = "not a sealed log";
	} else if (le32_to_cpu(h->version) != HARP_SEAL_VERSION ||
		   le32_to_cpu(h->len) != sizeof(*h)) {
		wrong = "sealed log: another version";
		err = -EPROTO;
	} else if (le32_to_cpu(h->crc) != harp_seal_hdr_crc(h)) {
		wrong = "sealed log: checksum of the header";
	} else {
		wrong = harp_seal_hdr_wrong(h);
	}
	if (wrong && why)
		*why = wrong;
	return wrong ? err : 0;
}
