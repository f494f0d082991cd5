// SPDX-License-Identifier: GPL-2.0
/* KUnit: the codec's cases in the kernel, with its crc32c and its byte order. */
#include <kunit/test.h>
#include "codec_cases.h"

static void harp_codec_case_desc(const struct harp_codec_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

static void harp_damage_desc(const struct harp_damage *d, char *desc)
{
	strscpy(desc, d->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(harp_codec_case, harp_codec_cases, harp_codec_case_desc);
KUNIT_ARRAY_PARAM(harp_damage, harp_damages, harp_damage_desc);

static void codec_case(struct kunit *test)
{
	const struct harp_codec_case *c = test->param_value;
	u8 *buf = kunit_kzalloc(test, HARP_SAMPLE_CAP, GFP_KERNEL);
	u8 *buf2 = kunit_kzalloc(test, HARP_SAMPLE_CAP, GFP_KERNEL);
	const char *failed;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, buf2);
	failed = c->run(buf, buf2);
	if (failed)
		KUNIT_FAIL(test, "%s", failed);
}

static void codec_damage_is_refused(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, HARP_SAMPLE_CAP, GFP_KERNEL);
	const char *failed;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	failed = harp_check_damage(test->param_value, buf);
	if (failed)
		KUNIT_FAIL(test, "%s", failed);
}

static struct kunit_case harp_codec_test_cases[] = {
	KUNIT_CASE_PARAM(codec_case, harp_codec_case_gen_params),
	KUNIT_CASE_PARAM(codec_damage_is_refused, harp_damage_gen_params),
	{}
};

static struct kunit_suite harp_codec_test_suite = {
	.name = "harp_codec",
	.test_cases = harp_codec_test_cases,
};

kunit_test_suite(harp_codec_test_suite);
