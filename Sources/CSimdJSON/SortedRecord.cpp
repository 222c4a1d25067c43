#include "RecordExtractor.h"

#include <algorithm>
#include <cstring>

namespace {
/// The places of a record's members in jsonb's order. Equal names keep their order: of two, jsonb takes the last.
void sort_members(medallion_extractor &e, const uint8_t *window, const top_member *members, size_t count) {
    bool is_alike = e.last_places.size() == count;
    for (size_t index = 0; index < count && is_alike; index++)
        is_alike = members[index].place != UINT32_MAX && members[index].place == e.last_places[index];
    if (is_alike) return;
    e.last_places.resize(count);
    e.last_order.resize(count);
    for (size_t index = 0; index < count; index++) {
        e.last_places[index] = members[index].place;
        e.last_order[index] = static_cast<uint32_t>(index);
    }
    std::sort(e.last_order.begin(), e.last_order.end(), [&](uint32_t left, uint32_t right) {
        const top_member &a = members[left], &b = members[right];
        if (a.name_length != b.name_length) return a.name_length < b.name_length;
        int order = memcmp(window + a.name, window + b.name, a.name_length);
        return order != 0 ? order < 0 : left < right;
    });
}
} // namespace

extern "C" const uint8_t *medallion_sorted_record(
    medallion_extractor *extractor, const uint8_t *window, size_t record, size_t *length) {
    auto &e = *extractor;
    if (record + 1 >= e.first_members.size() || e.first_members[record] == e.first_members[record + 1]) return nullptr;
    const top_member *members = e.top_members.data() + e.first_members[record];
    size_t count = e.first_members[record + 1] - e.first_members[record];
    sort_members(e, window, members, count);
    size_t size = 2;
    for (size_t index = 0; index < count; index++) size += members[index].name_length + members[index].value_length + 4;
    if (e.sorted.size() < size) e.sorted.resize(size * 2);
    char *out = e.sorted.data();
    for (size_t index = 0; index < count; index++) {
        const top_member &member = members[e.last_order[index]];
        *out++ = index == 0 ? '{' : ',';
        // The quotes stand around the name.
        size_t name = member.name_length + 2;
        if (member.value == member.name - 1 + name + 1) {
            memcpy(out, window + member.name - 1, name + 1 + member.value_length);
            out += name + 1 + member.value_length;
            continue;
        }
        memcpy(out, window + member.name - 1, name);
        out += name;
        *out++ = ':';
        memcpy(out, window + member.value, member.value_length);
        out += member.value_length;
    }
    *out++ = '}';
    *length = static_cast<size_t>(out - e.sorted.data());
    return reinterpret_cast<const uint8_t *>(e.sorted.data());
}
