// Many who ask one after another: sessions, users of a closed loop, sensors with a period, clients with streams of
// their own. Each has a slot with the time of its next call; a heap finds the earliest of a cell.
//
//   sessions   begin with the arrival process; each call follows the end of the one before by a gap
//   users      always `users` of them: a call, its answer, time to think; a batch is users without thought and an end;
//              a rollout is a batch whose calls are let go by a training job, so many at a time
//   periodic   call k of a source at phase + k period + jitter, whatever becomes of the answers
//   replay     the agents of a recorded session trace: each call follows the end of the one before by its own gap
//   clients    one renewal stream each, by its share of the rate (facilities/parts/traffic/clients.csv)
// Where nobody answers (a trace is written, a warm-up before time zero) a call takes the nominal service time.
#pragma once

#include "models/workload/arrivals.h"
#include "models/workload/lengths.h"
#include "models/workload/request.h"
#include "models/workload/sessions.h"
#include "models/workload/trace.h"
#include "sim/block.h"

typedef enum TwCrowdKind {
    TW_CROWD_SESSIONS,
    TW_CROWD_USERS,
    TW_CROWD_PERIODIC,
    TW_CROWD_REPLAY,
    TW_CROWD_CLIENTS
} TwCrowdKind;

// The calls of one agent of a recorded session, in their order.
typedef struct TwChain {
    int64_t first, begins_ns;    // its rows in chain_rows; when the first is called
    int32_t count, cell;
} TwChain;

enum { TW_CLIENTS = 128 };

typedef struct TwClientRow {
    double share, shape, peak_over_mean;
    TwRenewal renewal;
    bool steps;    // on and off by the hour at its peak
} TwClientRow;

typedef struct TwCrowd {
    TwCrowdKind kind;
    TwStream stream;
    int cells, slots;    // slots of each cell
    bool closed;         // the next call waits for the end of the last
    // sessions
    TwSessionPlant *sessions;
    TwArrivals arrivals;    // of session starts, or the rate of all clients of a cell
    double span_s;          // no call of a session later than this after its start
    // users, periodic
    double think_s;    // mean; exponential
    double period_s, jitter_s;
    int64_t requests;    // of each cell; 0: no end
    double start_s;      // of a batch
    bool rollout;        // calls only as tw_crowd_release lets them
    int samples;         // users: calls in turn share a prompt
    // replay
    const TwTrace *trace;
    TwChain *chains;        // by cell
    int64_t *chain_rows;    // rows of the trace
    int *cell_chains;       // [cells + 1] the first chain of a cell
    int64_t lap_ns;         // the trace begins again after it; INT64_MAX: never
    double time_scale;
    // clients
    int client_count;
    TwClientRow client[TW_CLIENTS];
    TwArrivals *client_arrivals;    // [client]
    TwSlot cell, slot, heap;
} TwCrowd;

// What is called next in a cell; sessions fill call, the others leave lengths to the source.
typedef struct TwCrowdCall {
    int64_t at_ns;
    int slot;           // in the cell
    uint64_t index;     // of the call: keys its lengths
    uint64_t prompt;    // keys what it asks: the same for all samples of a prompt
    int32_t turn, client, branch;
    bool message_end;
    bool unanswered;     // a user's, and nobody answers: tw_crowd_answer must follow
    uint64_t session;    // its number, whenever it runs
    TwCall call;
} TwCrowdCall;

// The chains of a session trace, its sessions dealt to the cells in turn.
void tw_crowd_replay(TwCrowd *crowd, const TwTrace *trace, double time_scale, int64_t lap_ns);

// Reserves the slots of all cells.
void tw_crowd_layout(TwCrowd *crowd, TwLayout *layout);
void tw_crowd_free(TwCrowd *crowd);

// From the first call at or after time_ns, after a warm-up of the span.
void tw_crowd_seek(const TwCrowd *crowd, void *block, int cell, int64_t time_ns);
int64_t tw_crowd_peek(const TwCrowd *crowd, const void *block, int cell);    // INT64_MAX: none waits
// Takes the earliest call. answered: its end will be told to tw_crowd_finished; otherwise it takes the nominal time.
void tw_crowd_pop(const TwCrowd *crowd, void *block, int cell, bool answered, TwCrowdCall *call);
// A user that nobody answers: it takes service_s.
void tw_crowd_answer(const TwCrowd *crowd, void *block, int cell, const TwCrowdCall *call, double service_s);
// The call of that slot ended; done: not if it was rejected or lost, which ends its session.
void tw_crowd_finished(const TwCrowd *crowd, void *block, int cell, int slot, int32_t turn, int64_t at_ns, bool done);
// A rollout: so many more calls of a cell, from at_ns on.
void tw_crowd_release(const TwCrowd *crowd, void *block, int cell, int64_t calls, int64_t at_ns);
int64_t tw_crowd_lost(const TwCrowd *crowd, const void *block);    // sessions that found no slot
