# SPDX-License-Identifier: GPL-2.0
"""The lab: machines, kernels and networks that Harp is tested on."""
