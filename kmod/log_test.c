// SPDX-License-Identifier: GPL-2.0
/* KUnit: the log's cases in the kernel, and regions of plain memory. */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "log_cases.h"

static struct harp_region *harp_case_region(void *mem, u64 size)
{
	struct harp_region *region = kzalloc(sizeof(*region), GFP_KERNEL | __GFP_NOFAIL);

	region->base = mem;
	region->size = size;
	region->borrowed = true;
	return region;
}

static void harp_log_case_desc(const struct harp_log_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(harp_log_case, harp_log_cases, harp_log_case_desc);

static int log_test_init(struct kunit *test)
{
	struct harp_log_env *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);

	if (!e)
		return -ENOMEM;
	test->priv = e;
	e->mem = vzalloc(HARP_CASE_SIZE);
	e->buf = vzalloc(HARP_REC_MAX);
	return e->mem && e->buf ? 0 : -ENOMEM;
}

static void log_test_exit(struct kunit *test)
{
	struct harp_log_env *e = test->priv;

	if (!e)
		return;
	env_close(e);
	vfree(e->mem);
	vfree(e->buf);
}

static void log_case(struct kunit *test)
{
	const struct harp_log_case *c = test->param_value;
	struct harp_log_env *e = test->priv;
	const char *failed = c->run(e);

	if (failed)
		KUNIT_FAIL(test, "%s; found: %s", failed, e->found.why);
}

/* Mapped for real; a second open finds nothing, and the mount says so. */
static void log_plain_memory_is_gone(struct kunit *test)
{
	struct harp_region_spec spec = { .kind = HARP_REGION_MEM, .size = HARP_CASE_SIZE };
	struct harp_log_env *e = test->priv;
	u32 i;

	for (i = 0; i < 2; i++) {
		struct harp_log *log = harp_log_open(&spec, &harp_case_group, 1, 77, 1, 8,
						     &e->found);

		KUNIT_ASSERT_FALSE(test, IS_ERR(log));
		e->log = log;
		KUNIT_EXPECT_TRUE(test, e->found.fresh);
		KUNIT_EXPECT_EQ(test, env_format(e, 1, 0, 0, 0, false), 0);
		KUNIT_EXPECT_EQ(test, env_append_view(e, 4), 0);
		KUNIT_EXPECT_EQ(test, env_append_n(e, 100), 0);
		KUNIT_EXPECT_TRUE(test, env_has(e, 101));
		env_close(e);
	}
}

static void log_regions_that_cannot_be(struct kunit *test)
{
	static const struct {
		struct harp_region_spec spec;
		int err, without_iomem;
		const char *why;
	} specs[] = {
		{ { HARP_REGION_MEM, 0, 4096, "" }, -EINVAL, -EINVAL, "whole pages" },
		{ { HARP_REGION_MEM, 0, HARP_REGION_MAX + 4096, "" }, -EINVAL, -EINVAL,
		  "whole pages" },
		{ { HARP_REGION_MEM, 0, HARP_CASE_SIZE + 8, "" }, -EINVAL, -EINVAL, "whole pages" },
		{ { 9, 0, HARP_CASE_SIZE, "" }, -EINVAL, -EOPNOTSUPP, "" },
		{ { HARP_REGION_RESERVE, 0, 0, "nobody" }, -ENOENT, -EOPNOTSUPP, "nobody" },
		{ { HARP_REGION_MEMMAP, 8, HARP_CASE_SIZE, "" }, -EINVAL, -EOPNOTSUPP, "page" },
	};
	struct harp_log_env *e = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(specs); i++) {
		struct harp_log *log = harp_log_open(&specs[i].spec, &harp_case_group, 1, 77, 1, 8,
						     &e->found);

		KUNIT_ASSERT_TRUE(test, IS_ERR(log));
		if (IS_ENABLED(CONFIG_HAS_IOMEM)) {
			KUNIT_EXPECT_EQ(test, PTR_ERR(log), specs[i].err);
			KUNIT_EXPECT_NOT_NULL(test, strstr(e->found.why, specs[i].why));
		} else {
			KUNIT_EXPECT_EQ(test, PTR_ERR(log), specs[i].without_iomem);
			KUNIT_EXPECT_NE(test, (int)e->found.why[0], 0);
		}
	}
}

/*
 * The kernel's own memory is refused: this very function's page will do. What to boot with
 * is said so that it can be typed, whatever the size.
 */
static void log_own_memory_is_refused(struct kunit *test)
{
	struct harp_region_spec spec = {
		.kind = HARP_REGION_MEMMAP, .size = HARP_CASE_SIZE + PAGE_SIZE,
	};
	struct harp_log_env *e = test->priv;
	struct harp_log *log;
	char want[64];

	if (!IS_ENABLED(CONFIG_HAS_IOMEM))
		kunit_skip(test, "no physical memory map in this kernel");
	spec.start = ALIGN_DOWN(virt_to_phys(e), PAGE_SIZE);
	log = harp_log_open(&spec, &harp_case_group, 1, 77, 1, 8, &e->found);
	KUNIT_ASSERT_TRUE(test, IS_ERR(log));
	KUNIT_EXPECT_EQ(test, PTR_ERR(log), -EBUSY);
	snprintf(want, sizeof(want), "memmap=%lluK$%#llx", spec.size >> 10, spec.start);
	KUNIT_EXPECT_NOT_NULL(test, strstr(e->found.why, want));
}

static struct kunit_case harp_log_test_cases[] = {
	KUNIT_CASE_PARAM(log_case, harp_log_case_gen_params),
	KUNIT_CASE(log_plain_memory_is_gone),
	KUNIT_CASE(log_regions_that_cannot_be),
	KUNIT_CASE(log_own_memory_is_refused),
	{}
};

static struct kunit_suite harp_log_test_suite = {
	.name = "harp_log",
	.init = log_test_init,
	.exit = log_test_exit,
	.test_cases = harp_log_test_cases,
};

kunit_test_suite(harp_log_test_suite);
