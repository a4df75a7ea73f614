// Jobs beside serving: what the facility file says of them, the GPUs and power that they have in a window, and the
// nodes that serving pools lend when their forecast allows.
//
// A pool that lends keeps the replicas that carry the rate expected until reclaim_lead_s later, of a rate at which all
// are needed; the others take no new requests, and when they are empty their GPUs are free for jobs. Wanted back, jobs
// leave them after a checkpoint and the replicas load their weights.
#pragma once

#include "models/workload/jobs.h"
#include "sim/config.h"
#include "twin/plant.h"

extern const TwKind tw_job_kind, tw_scheduler_kind;

bool tw_jobs_compile(TwPlant *plant, TwLayout *layout, TwErrors *errors);    // after the pools and their replicas
void tw_jobs_begin(const TwPlant *plant, void *block);

// The weights of a replica that comes back from a job are there: it serves from ready_s on.
void tw_jobs_returned(const TwPlant *plant, void *block, int replica, double ready_s);
// At the start of a window: which replicas are closed, which GPUs are free.
void tw_jobs_hand_over(const TwPlant *plant, void *block, double time_s);
const uint8_t *tw_jobs_closed(const TwPlant *plant, const void *block);    // [replica], or NULL

// Power above idle that jobs want in a rack, from the last window.
double tw_jobs_demand_w(const TwPlant *plant, const void *block, int rack);
// Runs the jobs of a window; share: [rack] of the wanted power that the rack's cap leaves; slow: [job] of its
// collectives. above_w: [rack] filled.
void tw_jobs_run(const TwPlant *plant, void *block, const double *share, const double *slow, double from_s,
                 double until_s, double *above_w);

// What of it the story tells; from_s: when the window began. Jobs of mixes are too many.
void tw_jobs_tell(const TwPlant *plant, void *block, double from_s);

const char *tw_jobs_phase(int phase);
double tw_jobs_lent_gpu_s(const TwPlant *plant, const void *block);    // GPU-seconds that pools lent so far
