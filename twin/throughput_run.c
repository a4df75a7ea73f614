// Simulates the rows of a throughput table: one step model for all rows that share it, rows over all cores.
#include "twin/throughput_inner.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static int compare_texts(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : ""); }

// Order by what makes a step model.
static int by_deploy(const void *left, const void *right)
{
    const TwDeploySpec *a = &(*(TwThroughputRow *const *)left)->deploy,
                       *b = &(*(TwThroughputRow *const *)right)->deploy;
    int c = compare_texts(a->chip, b->chip);
    if (!c) c = compare_texts(a->model, b->model);
    if (!c) c = compare_texts(a->precision, b->precision);
    if (!c) c = compare_texts(a->kv_precision, b->kv_precision);
    if (!c) c = compare_texts(a->attention_precision, b->attention_precision);
    if (!c) c = compare_texts(a->output_precision, b->output_precision);
    if (!c) c = (a->bf16_share > b->bf16_share) - (a->bf16_share < b->bf16_share);
    if (!c) c = memcmp(&a->layout, &b->layout, sizeof a->layout);
    if (!c) c = a->max_tokens - b->max_tokens;
    if (!c) c = a->max_sequences - b->max_sequences;
    if (!c) c = (a->memory_fraction > b->memory_fraction) - (a->memory_fraction < b->memory_fraction);
    if (!c) c = (a->context_tokens > b->context_tokens) - (a->context_tokens < b->context_tokens);
    if (!c) c = (a->limit_w > b->limit_w) - (a->limit_w < b->limit_w);
    if (!c) c = (a->host_step_s > b->host_step_s) - (a->host_step_s < b->host_step_s);
    if (!c) c = (a->host_sequence_s > b->host_sequence_s) - (a->host_sequence_s < b->host_sequence_s);
    if (!c) c = (a->host_experts > b->host_experts) - (a->host_experts < b->host_experts);
    if (!c) c = (a->host_bytes_s > b->host_bytes_s) - (a->host_bytes_s < b->host_bytes_s);
    if (!c) c = (int)a->async_scheduling - (int)b->async_scheduling;
    if (!c) c = (int)a->graph_doubling - (int)b->graph_doubling;
    if (!c) c = (int)a->graphs - (int)b->graphs;
    if (!c) c = (a->launch_s > b->launch_s) - (a->launch_s < b->launch_s);
    if (!c) c = (a->piece_launch_s > b->piece_launch_s) - (a->piece_launch_s < b->piece_launch_s);
    if (!c) c = a->graph_most - b->graph_most;
    if (!c) c = a->piece_most - b->piece_most;
    if (!c) c = (int)a->collectives - (int)b->collectives;
    if (!c) c = memcmp(a->fused_bytes, b->fused_bytes, sizeof a->fused_bytes);
    if (!c) c = (int)a->apart - (int)b->apart;
    if (!c) c = (a->idle_sequence_s > b->idle_sequence_s) - (a->idle_sequence_s < b->idle_sequence_s);
    if (!c) c = (a->idle_most_s > b->idle_most_s) - (a->idle_most_s < b->idle_most_s);
    if (!c) c = (int)a->two_batch - (int)b->two_batch;
    if (!c) c = (int)a->engine - (int)b->engine;
    if (!c) c = (int)a->dense - (int)b->dense;
    if (!c) c = (int)a->static_memory - (int)b->static_memory;
    if (!c) c = (int)a->profile - (int)b->profile;
    if (!c) c = (int)a->sampler - (int)b->sampler;
    if (!c) c = (int)a->mixed - (int)b->mixed;
    if (!c) c = (int)a->prompt - (int)b->prompt;
    if (!c) c = (int)a->unified_sinks - (int)b->unified_sinks;
    if (!c) c = (int)a->plain_decode - (int)b->plain_decode;
    if (!c) c = (a->gate_s > b->gate_s) - (a->gate_s < b->gate_s);
    if (!c) c = (int)a->all_to_all - (int)b->all_to_all;
    if (!c) c = (int)a->deepep_beyond - (int)b->deepep_beyond;
    if (!c) c = a->routing.redundant - b->routing.redundant;
    if (!c) c = (int)a->routing.alike - (int)b->routing.alike;
    if (!c) c = (a->moe_imbalance > b->moe_imbalance) - (a->moe_imbalance < b->moe_imbalance);
    return c;
}

static void predict(TwThroughputRow *row, const TwDeploy *deploy)
{
    TwError error;
    TwSpeculate *drafts = &row->engine_spec.speculate;
    if (drafts->draft > 0)
        drafts->draft_fraction = tw_step_draft_fraction(deploy->step, (int)deploy->model.layers, drafts->draft);
    if (row->decodes) {
        row->serve.distinct = 1;
        tw_lengths_uniform(&row->serve.input, row->serve.input_mean, row->serve.input_mean);
    }
    if (row->serve.input_mean + row->serve.output_mean > (double)deploy->model.positions)
        assume(row, "requests longer than the model's positions run as if it had them");
    row->serve.kv_token_bytes = tw_serve_token_bytes(deploy, row->deploy.kv_precision);
    if (!tw_serve(deploy, &row->serve, &row->result, &error)) {
        snprintf(row->reason, sizeof row->reason, "%.190s", error.text);
        return;
    }
    const TwServeResult *r = &row->result;
    static const char *const first[] = {"of who computes the prompt", "with it", "of who decodes"};
    if (row->serve.prefills > 0)
        assume(row, "KV %s, first token %s", r->inside ? "over NVLink" : "through the cards",
               first[row->serve.first_token]);
    row->predicted_s = r->output_s;
    if (strcmp(row->tokens, "total") == 0) row->predicted_s = r->output_s + r->input_s;
    if (strcmp(row->tokens, "input") == 0) row->predicted_s = r->input_s;
    if (row->decode_rate) row->predicted_s = row->concurrency / r->tpot_s[0];
    // as the source works its rates out, from means over the whole run
    double osl = row->serve.output_mean;
    if (row->serve.whole && row->from_means)
        row->predicted_s = row->concurrency * osl / (r->ttft_s[0] + r->tpot_s[0] * (osl - 1.0));
    row->over = r->gpu_w > 1.01 * deploy->chip.limit_w;
    row->predicted_ttft_s = r->ttft_s[row->ttft_of];
    row->predicted_tpot_s = (row->gap ? r->itl_s : r->tpot_s)[row->tpot_of];
    row->predicted_w = r->gpu_w * row->gpus;
    if (row->wall)
        row->predicted_w =
            (row->predicted_w + (deploy->chip.node_w - row->less_w) * row->gpus) / deploy->chip.supply_efficiency;
}

void tw_throughput_run(TwThroughput *table)
{
    TwThroughputRow **order = calloc((size_t)table->count + 1, sizeof *order);
    int *begin = calloc((size_t)table->count + 2, sizeof *begin);
    int count = 0, groups = 0;
    if (!order || !begin) abort();
    for (int i = 0; i < table->count; i++)
        if (!table->rows[i].reason[0]) order[count++] = &table->rows[i];
    qsort(order, (size_t)count, sizeof *order, by_deploy);
    for (int i = 0; i < count; i++)
        if (i == 0 || by_deploy(&order[i - 1], &order[i]) != 0) begin[groups++] = i;
    begin[groups] = count;

#pragma omp parallel for schedule(dynamic, 1)
    for (int g = 0; g < groups; g++) {
        TwDeploy deploy;
        TwError error;
        if (!tw_deploy_create(&deploy, &order[begin[g]]->deploy, &error)) {
            for (int i = begin[g]; i < begin[g + 1]; i++)
                snprintf(order[i]->reason, sizeof order[i]->reason, "%.190s", error.text);
            continue;
        }
        const TwAcceleratorRow *chip = &deploy.chip;
        for (int i = begin[g]; i < begin[g + 1]; i++)
            if (chip->limit_w < chip->limit_min_w)
                snprintf(order[i]->reason, sizeof order[i]->reason,
                         "a board limit of %g W; its driver takes %g to %g W", chip->limit_w, chip->limit_min_w,
                         chip->limit_max_w);
            else
                predict(order[i], &deploy);
        tw_deploy_destroy(&deploy);
    }
    free(order);
    free(begin);
}
