// The pieces of a replica that engine.c and sched_vllm.c share: its arrays, its waiting ring, its finish heap.
#pragma once

#include "models/workload/engine.h"

#include <assert.h>

enum { TW_NO_SLOT = 0xffff };

static inline void *part(TwReplica *replica, size_t offset)
{
    return (unsigned char *)replica + replica->parts + offset;
}
static inline const void *part_const(const TwReplica *replica, size_t offset)
{
    return (const unsigned char *)replica + replica->parts + offset;
}
static inline TwSlotRow *slots_of(const TwEngine *e, TwReplica *r) { return part(r, e->slots); }
static inline TwLink *links_of(const TwEngine *e, TwReplica *r) { return part(r, e->links); }
static inline uint64_t *heap_of(const TwEngine *e, TwReplica *r) { return part(r, e->heap); }
static inline uint16_t *chunks_of(const TwEngine *e, TwReplica *r) { return part(r, e->chunks); }
static inline uint16_t *residues_of(const TwEngine *e, TwReplica *r) { return part(r, e->residues); }
static inline TwWaiting *waiting_of(const TwEngine *e, TwReplica *r) { return part(r, e->waiting); }

// The waiting ring has room for every running sequence to be preempted back into a full queue.
static inline TwWaiting *waiting_at(const TwEngine *e, TwReplica *r, int k)
{
    int at = r->wait_head + k;
    return waiting_of(e, r) + (at < e->ring ? at : at - e->ring);
}

static inline TwWaiting *waiting_push(const TwEngine *e, TwReplica *r)
{
    assert(r->wait_count < e->ring);
    return waiting_at(e, r, r->wait_count++);
}

static inline TwWaiting *waiting_push_front(const TwEngine *e, TwReplica *r)
{
    assert(r->wait_count < e->ring);
    r->wait_head = r->wait_head > 0 ? r->wait_head - 1 : e->ring - 1;
    r->wait_count++;
    return waiting_at(e, r, 0);
}

static inline void waiting_pop(const TwEngine *e, TwReplica *r)
{
    assert(r->wait_count > 0);
    // an empty ring begins anew where it is in the cache
    r->wait_count--;
    r->wait_head = r->wait_count > 0 && r->wait_head + 1 < e->ring ? r->wait_head + 1 : 0;
}

// Finish heap, 4-ary, of (boundary where the sequence finishes, slot): absolute, so nothing is decremented.
static inline uint64_t finish_key(int64_t boundary, int slot) { return (uint64_t)boundary << 16 | (uint64_t)slot; }
static inline int64_t finish_boundary(uint64_t key) { return (int64_t)(key >> 16); }

static inline void heap_rise(uint64_t *heap, int at, uint64_t key)
{
    while (at > 0 && heap[(at - 1) / 4] > key) {
        heap[at] = heap[(at - 1) / 4];
        at = (at - 1) / 4;
    }
    heap[at] = key;
}

static inline void heap_sink(uint64_t *heap, int count, int at, uint64_t key)
{
    for (;;) {
        int child = 4 * at + 1, best = child;
        if (child >= count) break;
        int end = child + 4 < count ? child + 4 : count;
        for (int c = child + 1; c < end; c++) best = heap[c] < heap[best] ? c : best;
        if (heap[best] >= key) break;
        heap[at] = heap[best];
        at = best;
    }
    heap[at] = key;
}

// Tokens that a sequence must have computed before its next output: prompt, and outputs of before a preemption.
static inline int32_t goal_of(int32_t input, int32_t seen) { return seen >= input ? seen + 1 : input; }
static inline int32_t produced_of(int32_t input, int32_t seen) { return seen >= input ? seen - input + 1 : 0; }

// sched_vllm.c: what happens at a boundary, from the iteration that ended there to the plan of those that follow.
void tw_sched_boundary(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);
// Counts `from` to `to` as computed for a sequence that had `seen` before.
void tw_sched_progress(TwReplica *replica, int32_t input, int32_t seen, int64_t from, int64_t to);
// Plans how far to go with the composition as it is.
void tw_sched_stop(const TwEngine *engine, TwReplica *replica);
// Takes the blocks of the iteration that begins; they were found when the plan was made.
void tw_sched_resume(const TwEngine *engine, TwReplica *replica);
