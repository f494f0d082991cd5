/* SPDX-License-Identifier: GPL-2.0 */
/* What a stranger may send to a record port, and what a disk may hold as state. */
#include "cluster/greeting.hh"
#include "cluster/records.hh"
#include "cluster/state_file.hh"

#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace harp;
    std::span<const uint8_t> in(data, size);
    auto g = cluster::decode_greeting(in);
    if (g && cluster::decode_greeting(cluster::encode(*g)).value_or({}) != *g) {
        abort(); /* what is accepted must say the same when said again */
    }
    size_t text = 0;
    (void)cluster::decode_answer(in, text);
    auto s = cluster::decode_state({reinterpret_cast<const char *>(data), size});
    if (s && !cluster::decode_state(cluster::encode_state(s->state, s->seq))) {
        abort();
    }
    std::vector<uint64_t> aligned(size / 8 + 1);
    if (size != 0) {
        memcpy(aligned.data(), data, size);
    }
    (void)cluster::check_records({reinterpret_cast<const uint8_t *>(aligned.data()), size},
                                 index_t(0), 0, false, lineage_t(1));
    return 0;
}
