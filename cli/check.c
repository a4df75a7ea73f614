// tokenworks check: validate a facility and describe it, without running it.
#include "cli/commands.h"
#include "models/workload/jobs.h"
#include "sim/json.h"
#include "twin/limits.h"
#include "twin/machine.h"
#include "twin/outages.h"
#include "twin/pool_accuracy.h"
#include "twin/reference.h"
#include "twin/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double kilo(double w) { return w * 1e-3; }

// What cooling, switches and optics draw below each element in the site's hottest hours with all racks at their peak.
// False: the cooling has no steady state then, which describe_cooling says.
static bool sum_loads(const TwPlant *plant, double *below_w)
{
    double *rack_w = calloc((size_t)(plant->rack_count + plant->load_count) + 1, sizeof *rack_w);
    if (!rack_w) abort();
    double *load_w = rack_w + plant->rack_count;
    for (int i = 0; i < plant->rack_count; i++) rack_w[i] = plant->racks[i].peak_w * plant->rack_scale;
    TwError error = {0};
    bool good = tw_cooling_loads(plant, rack_w, load_w, &error);
    for (int k = 0; good && k < plant->load_count; k++)
        for (int e = plant->load_element[k]; e >= 0; e = plant->power->parent[e]) below_w[e] += load_w[k];
    free(rack_w);
    return good;
}

static void describe_power(const TwPlant *plant, const double *nameplate_w)
{
    double *others_w = calloc((size_t)plant->element_count, sizeof *others_w);
    if (!others_w) abort();
    bool known = sum_loads(plant, others_w);
    printf("power tree              kind          from              limit kW   racks rated kW%s   of limit\n",
           known ? "  cooling, fabric kW" : "");
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *e = &plant->elements[i];
        // repeated entries are alike: the first of them and the last stand for all
        if (i >= 4 && i + 1 < plant->element_count && plant->element_count > 24 &&
            strcmp(plant->elements[i - 1].kind, e->kind) == 0 && strcmp(plant->elements[i + 1].kind, e->kind) == 0)
            continue;
        printf("  %-20s  %-12s  %-16s", plant->element_names[i], e->kind, e->from[0] ? e->from : "-");
        if (isfinite(e->limit_w))
            printf("%10.1f", kilo(e->limit_w));
        else
            printf("%10s", "-");
        printf("%17.1f", kilo(nameplate_w[i]));
        if (known) printf("%20.1f", kilo(others_w[i]));
        double all_w = nameplate_w[i] + others_w[i];
        if (isfinite(e->limit_w))
            printf("%9.1f %%%s", 100.0 * all_w / e->limit_w, all_w > e->limit_w ? "  over-subscribed" : "");
        printf("\n");
    }
    free(others_w);
}

// The cooling on its hottest hours, and what the worst loss of one unit leaves; `tokenworks thermal` has the whole
// table.
static void describe_cooling(const TwPlant *plant)
{
    TwError error = {0};
    TwCoolingCheck check;
    if (!tw_cooling_check(plant, false, &check, &error)) {
        printf("\ncooling at peak: %s\n", error.text);
        return;
    }
    const TwOutage *whole = &check.list[0];
    printf("\ncooling                 all racks at their peak in air of %.1f degC, wet bulb %.1f degC: ",
           check.air.dry_bulb_degc, check.air.wet_bulb_degc);
    if (whole->steady) printf("chips at most %.1f degC, ", whole->chip_degc);
    if (!whole->steady)
        printf("NOT carried: NO steady state, chips switch off before temperatures come to rest\n");
    else if (tw_outage_carried(whole))
        printf("all carried\n");
    else if (whole->without_coolant > 0)
        printf("NOT all carried: %d racks without coolant\n", whole->without_coolant);
    else
        printf("NOT all carried: %d racks slowed, down to %.1f %% of their clock\n", whole->slowed,
               100.0 * whole->clock_fraction);
    const TwCapacity *c = &check.capacity;
    if (isfinite(c->reject_w))
        printf("                        heat rejection carries %.1f kW of water entering at %.1f degC in that air at "
               "%.1f "
               "kPa (%.1f kW at the pressure it is rated for)",
               c->reject_w * 1e-3, c->enters_degc, c->pressure_pa * 1e-3, c->reject_rated_w * 1e-3);
    if (isfinite(c->reject_w) && c->chiller_w > 0.0) printf(", the chiller %.1f kW besides", c->chiller_w * 1e-3);
    if (isfinite(c->reject_w))
        printf(", rooms %.1f kW (%.1f kW)", c->room_w * 1e-3, c->room_rated_w * 1e-3);
    else
        printf("                        rooms carry %.1f kW in air at %.1f kPa (%.1f kW at the pressure they are rated "
               "for)",
               c->room_w * 1e-3, c->pressure_pa * 1e-3, c->room_rated_w * 1e-3);
    // fewer air handlers than the heat of racks and switches asks for, or none to spare
    double above_k = check.list[0].room_degc - c->room_set_degc;
    if (isfinite(above_k)) printf(": air there %.1f degC", check.list[0].room_degc);
    if (above_k > 0.1) printf(", %.1f K above its set point (cooling.room.unit_count)", above_k);
    printf("\n");
    if (check.worst > 0) {
        const TwOutage *o = &check.list[check.worst];
        printf("                        any one unit out, worst %s: ", o->what);
        if (o->without_coolant > 0) printf("%d racks without coolant, ", o->without_coolant);
        if (o->steady && o->slowed > 0) printf("%d slowed, ", o->slowed);
        if (tw_outage_carried(o)) printf("all carried, ");
        if (!o->steady && isfinite(o->off_after_s))
            printf("NO steady state, first off after %.0f s\n", o->off_after_s);
        else if (!o->steady)
            printf("NO steady state, none off within a day\n");
        else if (isfinite(o->chip_degc))
            printf("chips at most %.1f degC\n", o->chip_degc);
        else
            printf("no rack has coolant\n");
    }
    tw_cooling_check_free(&check);
}

// Each job with its step and where that comes from; those of mixes in one line.
static void describe_jobs(const TwPlant *plant)
{
    int of_mix = 0;
    for (int i = 0; plant->jobs && i < plant->jobs->job_count; i++) {
        const TwJobSpec *job = tw_jobs_spec(plant->jobs, i);
        if (job->of_mix) {
            of_mix++;
            continue;
        }
        // copies of one entry are alike: one line
        int last = i;
        size_t stem = tw_stem_length(job->name);
        for (const TwJobSpec *next; last + 1 < plant->jobs->job_count; last++) {
            next = tw_jobs_spec(plant->jobs, last + 1);
            if (tw_stem_length(next->name) != stem || strncmp(next->name, job->name, stem) != 0 ||
                next->gpus != job->gpus || next->step_s != job->step_s || next->steps != job->steps)
                break;
        }
        char name[120];
        snprintf(name, sizeof name, last > i ? "%s to %s" : "%s", job->name, tw_jobs_spec(plant->jobs, last)->name);
        i = last;
        printf("job %-19s %d GPUs%s", name, job->gpus, strlen(name) > 19 ? " each" : "");
        if (job->basis)
            printf(": a step of %.4g s, %.4g tokens/s at full clock (%s)", job->step_s,
                   job->tokens_per_step / job->step_s, job->basis);
        else
            printf(" for %.4g h", job->steps * job->step_s / 3600.0);
        printf("\n");
    }
    if (of_mix > 0) printf("jobs of mixes           %d within the run\n", of_mix);
}

static void describe(const TwPlant *plant)
{
    double *nameplate_w = calloc((size_t)plant->element_count, sizeof *nameplate_w);
    if (!nameplate_w) abort();
    tw_limits_nameplate(plant, nameplate_w);
    printf("%s\n%s: %d racks, %lld GPUs, %d CDUs; %.4g MB of state\n\n",
           plant->title[0] ? plant->title : plant->facility, plant->facility, plant->rack_count,
           (long long)plant->gpu_count, plant->cdu_count, (double)plant->state_bytes / 1e6);
    describe_power(plant, nameplate_w);
    const TwNetwork *n = plant->network;
    printf("\nfabric                  %lld switches in %d tiers (%lld leaf, %lld spine, %lld core), %lld optics, %.1f "
           "kW: %.0f W a GPU\n",
           (long long)n->switches, n->tiers, (long long)n->leaf, (long long)n->spine, (long long)n->core,
           (long long)n->optics, kilo(n->switch_w + n->optics_w), n->endpoint_w);
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *p = &plant->pools[i];
        printf("pool %-18s %s in %s on %d replicas of %d GPUs in %d router cells\n", p->name, p->model, p->precision,
               p->replicas, p->gpus, p->cells);
        if (p->gpus > p->tensor_parallel)
            printf(
                "                        a replica: tensor parallel %d, attention ranks %d, stages %d, experts over %d "
                "GPUs\n",
                p->tensor_parallel, p->attention_ranks, p->pipeline_parallel, p->expert_parallel);
        printf("                        weights %.1f GB and KV %.0f bytes a token on each GPU; %lld KV blocks of 16 "
               "tokens a replica\n",
               p->step->weight_bytes * 1e-9, p->step->kv_bytes_per_token, (long long)p->kv_blocks_16);
        if (p->step->state_bytes > 0.0)
            printf("                        states of linear attention %.1f MB a sequence on each GPU\n",
                   1e-6 * p->step->state_bytes);
        if (p->engine)
            printf(
                "                        engine %s: %d tokens of %d sequences in an iteration of an attention rank\n",
                p->engine, p->max_tokens, p->max_sequences);
        if (isfinite(p->rate_s))
            printf("                        %.7g requests/s of %.0f input and %.0f output tokens on average\n",
                   p->rate_s, p->input_mean, p->output_mean);
    }
    tw_pools_accuracy_print(plant, NAN, stdout);
    describe_jobs(plant);
    describe_cooling(plant);
    printf("\nvalid; nothing was run\n");
    free(nameplate_w);
}

static void describe_json(const TwPlant *plant)
{
    char key[33];
    tw_config_key(plant->config, key);
    printf("{\n  \"schema\": \"tokenworks-check 1\",\n  \"facility\": ");
    tw_json_text(stdout, plant->facility);
    printf(",\n  \"key\": \"%s\",\n  \"racks\": %d,\n"
           "  \"gpus\": %lld,\n  \"cdus\": %d,\n  \"elements\": %d,\n  \"switches\": %lld,\n  \"state_bytes\": %zu,\n"
           "  \"replicas\": %d,\n  \"accuracy\": ",
           key, plant->rack_count, (long long)plant->gpu_count, plant->cdu_count, plant->element_count,
           (long long)plant->network->switches, plant->state_bytes, plant->workload->replica_count);
    tw_pools_accuracy_json(plant, stdout);
    printf("\n}\n");
}

// What --resolved and --explain print; TW_DONE or why not.
static int show_config(const TwConfig *config, const TwOptions *options)
{
    TwError error = {0};
    if (options->explain)
        return tw_config_explain(config, options->explain, stdout, &error) ? TW_DONE : tw_cli_fail(&error);
    char *text = tw_config_resolved(config);
    fputs(text, stdout);
    free(text);
    return TW_DONE;
}

// A machine of nodes instead of a facility.
static int check_machine(const TwOptions *options, const char *path)
{
    TwErrors *errors = tw_errors_create();
    TwMachinePlan *plan;
    bool good = tw_machine_plan_create(&plan, path, options->sets, options->set_count, errors);
    int status = good && !(options->strict && tw_warnings_count(errors)) ? TW_DONE : TW_BAD_INPUT;
    if (!good || tw_warnings_count(errors)) tw_errors_print(errors, TW_ERRORS_SHOWN, stderr);
    tw_errors_destroy(errors);
    if (!good) return status;
    if (options->resolved || options->explain) {
        status = show_config(tw_machine_plan_config(plan), options);
    } else {
        TwMachineSpec spec = tw_machine_plan_spec(plan);
        TwMachine *machine = tw_machine_create(&spec);
        printf("%s: %d nodes in %d racks and %d cooling groups, power only\n\nvalid; nothing was run\n",
               tw_machine_plan_name(plan), tw_machine_nodes(machine), tw_machine_racks(machine),
               tw_machine_groups(machine));
        tw_machine_destroy(machine);
    }
    tw_machine_plan_destroy(plan);
    return status;
}

int tw_command_check(const TwOptions *options)
{
    static const char *const text[] = {"json", NULL}, *const whole[] = {"resolved", NULL};
    if (options->resolved && tw_options_idle(options, "--resolved", text)) return TW_USAGE;
    if (options->explain &&
        (tw_options_idle(options, "--explain", text) || tw_options_idle(options, "--explain", whole)))
        return TW_USAGE;
    char path[512];
    int status;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    if (tw_machine_file(path)) return check_machine(options, path);
    TwPlant *plant = tw_cli_plant(options, path, &status);
    if (!plant) return status;
    if (options->resolved || options->explain) {
        status = show_config(plant->config, options);
    } else if (options->json) {
        describe_json(plant);
    } else {
        describe(plant);
    }
    tw_plant_destroy(plant);
    return status;
}
