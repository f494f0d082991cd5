/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HARP_PORT_LINUX_BUILD_BUG_H
#define HARP_PORT_LINUX_BUILD_BUG_H

#include <assert.h>

#endif /* HARP_PORT_LINUX_BUILD_BUG_H */
