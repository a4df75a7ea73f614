// Axes that change nothing: points that differ in one axis only are compared in every result of every replicate.
#include "study/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

// Of all coordinates but one; the order in which they are added does not matter.
static uint64_t hash_but(const TwStudy *study, int point, int but)
{
    uint64_t hash = 0;
    for (int a = 0; a < study->axis_count; a++) {
        double at = tw_point_at(study, point, a);
        uint64_t word;
        memcpy(&word, &at, sizeof word);
        if (a != but) hash += mixed(word + mixed((uint64_t)a + 1));
    }
    return mixed(hash);
}

static bool same_but(const TwStudy *study, int p, int q, int but)
{
    for (int a = 0; a < study->axis_count; a++)
        if (a != but && tw_point_at(study, p, a) != tw_point_at(study, q, a)) return false;
    return tw_point_at(study, p, but) != tw_point_at(study, q, but);
}

static bool same_results(const TwStudy *study, int p, int q)
{
    for (int r = 0; r < study->replicates; r++) {
        const TwScenario *a = &study->scenarios[p * study->replicates + r];
        const TwScenario *b = &study->scenarios[q * study->replicates + r];
        if (a->twin >= 0) a = &study->scenarios[a->twin];
        if (b->twin >= 0) b = &study->scenarios[b->twin];
        if (a->status != b->status || a->outputs != b->outputs) return false;
        for (int k = 0; a->outputs && k < a->outputs->count; k++)
            if (a->values[k] != b->values[k] && !(isnan(a->values[k]) && isnan(b->values[k]))) return false;
    }
    return true;
}

bool tw_axis_idle(const TwStudy *study, int axis)
{
    size_t room = 64;
    while (room < 2 * (size_t)study->point_count) room *= 2;
    int *slots = tw_taken(room, sizeof *slots);    // point + 1
    int compared = 0;
    bool same = true;
    for (int p = 0; p < study->point_count && same; p++) {
        TwScenarioStatus status = study->scenarios[p * study->replicates].status;
        if (p == study->search.fresh || (status != TW_RAN && status != TW_LIMIT_BROKEN)) continue;
        size_t at = hash_but(study, p, axis) & (room - 1);
        for (; slots[at]; at = (at + 1) & (room - 1)) {
            if (!same_but(study, p, slots[at] - 1, axis)) continue;
            same = same_results(study, p, slots[at] - 1);
            compared++;
            break;
        }
        if (!slots[at]) slots[at] = p + 1;
    }
    free(slots);
    return same && compared > 0;
}
